/** Every way an endpoint can fail: named, never thrown, and what arrived before it is kept. */

import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FailureMode } from "../../scripts/replay-llm/failures.ts";
import {
  ask,
  collect,
  generatorOn,
  type ReplayUnderTest,
  recorded,
  replayUnderTest,
  texts,
} from "./replay.ts";

let replay: ReplayUnderTest;
beforeAll(async () => {
  replay = await replayUnderTest();
});
beforeEach(() => replay.reset());
afterAll(() => replay.close());

async function withFault(mode: FailureMode, n = 4, deadlineMs = 10_000) {
  replay.plan.set(mode);
  return collect(generatorOn(replay.url).generate(ask(n, { deadlineMs })));
}

const WHOLE: readonly [FailureMode, string, number | undefined][] = [
  ["401", "unauthorized", 401],
  ["429", "rate_limited", 429],
  ["429-retry-after", "rate_limited", 429],
  ["500", "server_error", 500],
  ["garbage", "malformed", 200],
  ["empty-choices", "no_choices", undefined],
  ["redirect", "malformed", 302],
];

describe("a fault of the whole call", () => {
  it.each(WHOLE)("%s fails every candidate as %s", async (mode, reason, status) => {
    const { candidates, failed } = await withFault(mode);
    expect(candidates).toEqual([]);
    expect(failed.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(new Set(failed.map((event) => event.reason))).toEqual(new Set([reason]));
    expect(failed[0]?.status).toBe(status);
  });

  it("leaves the next request whole", async () => {
    for (const [mode] of WHOLE) {
      replay.plan.set(mode, 1);
      const generator = generatorOn(replay.url);
      await collect(generator.generate(ask(4)));
      const next = await collect(generator.generate(ask(4)));
      expect(texts(next.candidates)).toEqual(recorded(4));
    }
  });

  it("hands on Retry-After, and has none where the provider named none", async () => {
    expect((await withFault("429-retry-after")).failed[0]?.retryAfterSeconds).toBe(7);
    expect((await withFault("429")).failed[0]).not.toHaveProperty("retryAfterSeconds");
  });

  it("does not follow a redirect", async () => {
    await withFault("redirect");
    expect((await replay.stats()).redirectsFollowed).toBe(0);
  });

  it("names a question that is not recorded", async () => {
    const request = ask(3, { question: "Is this question recorded anywhere?" });
    const { reasons, failed } = await collect(generatorOn(replay.url).generate(request));
    expect(reasons).toEqual({ 0: "not_recorded", 1: "not_recorded", 2: "not_recorded" });
    expect(failed[0]?.status).toBe(404);
  });

  it("names a bad request without asking again", async () => {
    const request = ask(3, { maxTokens: -1 });
    const { reasons, usage } = await collect(generatorOn(replay.url).generate(request));
    expect(new Set(Object.values(reasons))).toEqual(new Set(["bad_request"]));
    expect(usage.requests).toBe(1);
  });

  it("is none where only the content type is wrong", async () => {
    const { candidates } = await withFault("wrong-content-type");
    expect(texts(candidates)).toEqual(recorded(4));
  });

  it("names a refused connection, and a host that has no address", async () => {
    const closed = await freePort();
    for (const url of [`http://127.0.0.1:${closed}/v1`, "http://no-such-host.invalid/v1"]) {
      const { reasons } = await collect(generatorOn(url).generate(ask(2)));
      expect(reasons).toEqual({ 0: "refused_connection", 1: "refused_connection" });
    }
  });

  it("names an address that is none", async () => {
    const { reasons } = await collect(generatorOn("not an address").generate(ask(1)));
    expect(reasons).toEqual({ 0: "refused_connection" });
  });
});

describe("a fault in the middle of the stream", () => {
  const MIDDLE: readonly [FailureMode, string][] = [
    ["cut-stream", "cut_stream"],
    ["no-done", "cut_stream"],
    ["malformed-sse", "malformed"],
    ["error-event", "server_error"],
    ["hang-mid", "timeout"],
  ];

  it.each(MIDDLE)(
    "%s keeps the candidate that had come, fails the rest as %s",
    async (mode, reason) => {
      const { candidates, failed } = await withFault(mode, 4, 700);
      expect(candidates).toHaveLength(1);
      expect(recorded(4)).toContain(candidates[0]?.text);
      expect(failed.map((event) => event.reason)).toEqual([reason, reason, reason]);
    },
  );

  it.each(MIDDLE)("%s of a single candidate yields no part of it", async (mode, reason) => {
    const { candidates, reasons } = await withFault(mode, 1, 700);
    expect(candidates).toEqual([]);
    expect(reasons).toEqual({ 0: reason });
  });

  it("fails the one choice that the provider gave up", async () => {
    const { candidates, reasons } = await withFault("fail-one-of-k", 8);
    expect(reasons).toEqual({ 1: "server_error" });
    expect(candidates).toHaveLength(7);
  });

  it("keeps the one choice that came when seven fail", async () => {
    const { candidates, failed } = await withFault("fail-all-but-one", 8);
    expect(texts(candidates)).toEqual(recorded(1));
    expect(failed).toHaveLength(7);
  });
});

describe("retries", () => {
  it("are made for a fault that passes, and counted", async () => {
    replay.plan.set("500", 1);
    const generator = generatorOn(replay.url, { maxRetries: 2 });
    const { candidates, usage } = await collect(generator.generate(ask(4)));
    expect(texts(candidates)).toEqual(recorded(4));
    expect(usage).toMatchObject({ requests: 2, mode: "n" });
  });

  it("wait as long as a short Retry-After says", async () => {
    replay.plan.set("429-retry-after", 1, 1);
    const startedAt = Date.now();
    const generator = generatorOn(replay.url, { maxRetries: 2 });
    const { candidates } = await collect(generator.generate(ask(2)));
    expect(texts(candidates)).toEqual(recorded(2));
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(990);
  });

  it("are not made where the wait is long or the deadline nearer: the caller is told at once", async () => {
    const generator = generatorOn(replay.url, { maxRetries: 2 });
    replay.plan.set("429-retry-after", 1, 30);
    const long = await collect(generator.generate(ask(2)));
    expect(long.failed[0]).toMatchObject({ reason: "rate_limited", retryAfterSeconds: 30 });
    replay.plan.set("429-retry-after", 1, 3);
    const near = await collect(generator.generate(ask(2, { deadlineMs: 2_000 })));
    expect(near.failed[0]).toMatchObject({ reason: "rate_limited", retryAfterSeconds: 3 });
    expect((await replay.stats()).requests).toBe(2);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
