/** The guard's Durable Object: what isolates report adds up, and a canary out of bounds is stopped for good. */
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import {
  durableGuard,
  NO_COUNTS,
  type Trial,
} from "../../../../src/worker/adapters/trial/guard.ts";
import type { ChannelCounts, Counts } from "../../../../src/worker/adapters/trialChannels.ts";
import type { Bindings } from "../../../../src/worker/config/parts.ts";

const { GUARD } = env as unknown as Bindings;
let made = 0;
/** A guard that nobody has told anything. */
function newGuard() {
  made += 1;
  return durableGuard(GUARD, `adapter-${made}`);
}

const trial = (serial: number): Trial => ({
  serial,
  version: `1.${serial}.0`,
  bounds: {
    minRequests: 20,
    maxFailureRate: 0.1,
    maxAbstentionDifference: 0.2,
    minAgreement: 0.7,
    compareShare: 1,
  },
});
const counted = (
  channel: ChannelCounts["channel"],
  version: string,
  counts: Partial<Counts>,
): ChannelCounts => ({ ...NO_COUNTS, ...counts, channel, version });

describe("reports of many isolates", () => {
  it("add up, each channel and version for itself", async () => {
    const guard = newGuard();
    const counts = [
      counted("canary", "1.1.0", { requests: 2, answers: 1, abstentions: 1 }),
      counted("stable", "1.0.0", { requests: 5, answers: 5 }),
    ];
    await Promise.all(Array.from({ length: 20 }, () => guard.report({ trial: trial(1), counts })));
    await guard.report({
      trial: trial(1),
      counts: [counted("shadow", "2.0.0", { requests: 1, compared: 1, agreed: 1 })],
    });
    const { counts: sums } = await guard.overview(1);
    expect(sums).toEqual([
      counted("canary", "1.1.0", { requests: 40, answers: 20, abstentions: 20 }),
      counted("shadow", "2.0.0", { requests: 1, compared: 1, agreed: 1 }),
      counted("stable", "1.0.0", { requests: 100, answers: 100 }),
    ]);
  });

  it("without a trial are kept apart from those of a trial", async () => {
    const guard = newGuard();
    const one = { trial: null, counts: [counted("stable", "1.0.0", { requests: 3 })] };
    expect(await guard.report(one)).toBeNull();
    await guard.report({ ...one, trial: trial(0) });
    for (const serial of [null, 0]) {
      expect(await guard.overview(serial)).toEqual({ stop: null, counts: one.counts });
    }
  });
});

describe("a canary", () => {
  it("goes on until a bound is broken, then is stopped with reason, time and counts", async () => {
    const guard = newGuard();
    const report = (counts: Partial<Counts>) =>
      guard.report({ trial: trial(3), counts: [counted("canary", "1.3.0", counts)] });
    await guard.report({
      trial: trial(3),
      counts: [counted("stable", "1.0.0", { requests: 50, answers: 40, abstentions: 10 })],
    });
    expect(await report({ requests: 19, failures: 2, answers: 17 })).toBeNull();
    expect(await guard.verdict(3)).toBeNull();
    const before = Date.now();
    const stop = await report({ requests: 1, failures: 1 });
    expect(stop).toEqual({
      serial: 3,
      version: "1.3.0",
      reason: "failure_rate",
      at: expect.any(Number),
      canary: { ...NO_COUNTS, requests: 20, failures: 3, answers: 17 },
      stable: { ...NO_COUNTS, requests: 50, answers: 40, abstentions: 10 },
    });
    expect(stop?.at).toBeGreaterThanOrEqual(before);
    expect(await guard.verdict(3)).toEqual(stop);
  });

  it("stays stopped, with the reason of then, however well it does afterwards", async () => {
    const guard = newGuard();
    const report = (counts: Partial<Counts>) =>
      guard.report({ trial: trial(4), counts: [counted("canary", "1.4.0", counts)] });
    const stop = await report({ compared: 20, agreed: 13 });
    expect(stop).toMatchObject({ reason: "agreement", canary: { compared: 20, agreed: 13 } });
    expect(await report({ requests: 1000, answers: 1000, compared: 1000, agreed: 1000 })).toEqual(
      stop,
    );
    expect((await guard.overview(4)).stop).toEqual(stop);
  });

  it("starts afresh with a new serial, also of the same version", async () => {
    const guard = newGuard();
    const failing = [counted("canary", "1.5.0", { requests: 20, failures: 20 })];
    expect(await guard.report({ trial: trial(5), counts: failing })).not.toBeNull();
    expect(await guard.verdict(6)).toBeNull();
    const well = [counted("canary", "1.5.0", { requests: 20, answers: 20 })];
    expect(
      await guard.report({ trial: { ...trial(6), version: "1.5.0" }, counts: well }),
    ).toBeNull();
    expect(await guard.overview(6)).toEqual({ stop: null, counts: well });
  });

  it("is forgotten in its counts after twenty later ones, but not that it was stopped", async () => {
    const guard = newGuard();
    for (let serial = 1; serial <= 22; serial += 1) {
      const counts = [counted("canary", "1.0.0", { requests: 20, failures: 20 })];
      await guard.report({ trial: trial(serial), counts });
    }
    expect((await guard.overview(2)).counts).toEqual([]);
    expect((await guard.overview(3)).counts).toHaveLength(1);
    expect(await guard.verdict(2)).toMatchObject({ reason: "failure_rate" });
  });
});

describe("its tables", () => {
  it.each([
    ["a version", counted("stable", "my chest hurts", { requests: 1 })],
    ["a long version", counted("stable", "x".repeat(65), { requests: 1 })],
    ["a channel", counted("my chest hurts" as "stable", "1.0.0", { requests: 1 })],
    ["a count", counted("stable", "1.0.0", { requests: "my chest hurts" as unknown as number })],
  ])("take no text as %s, and nothing else of that report", async (_, bad) => {
    const guard = newGuard();
    const good = counted("stable", "1.0.0", { requests: 1 });
    await expect(guard.report({ trial: null, counts: [good, bad] })).rejects.toThrow();
    expect((await guard.overview(null)).counts).toEqual([]);
  });
});
