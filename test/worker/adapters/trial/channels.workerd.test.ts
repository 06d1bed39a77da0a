/** Canary and shadow in an isolate: real R2, real guard; rankers that hold nothing. */
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type parsePublicKeys, signedMessage } from "../../../../src/adapter/signature.ts";
import { AdapterHost } from "../../../../src/worker/adapters/host.ts";
import { CanaryAndShadow } from "../../../../src/worker/adapters/trial/canaryAndShadow.ts";
import {
  durableGuard,
  type Guard,
  NO_COUNTS,
} from "../../../../src/worker/adapters/trial/guard.ts";
import { r2BundleStore } from "../../../../src/worker/adapters/versions.ts";
import type { Bindings } from "../../../../src/worker/config/parts.ts";
import type { Observe } from "../../../../src/worker/http/log.ts";
import golden from "../../../fixtures/signature.golden.json" with { type: "json" };
import { fakeShelf } from "../fakeRankers.ts";

const { ADAPTERS, GUARD } = env as unknown as Bindings;
const versions = ["1.0.0", "1.1.0", "1.2.0", "bad-1"];
const bounds = {
  minRequests: 10,
  maxFailureRate: 0.1,
  maxAbstentionDifference: 0.2,
  minAgreement: 0.5,
  compareShare: 1,
};
/** A guard that nobody has told anything. */
const newGuard = (): Guard => durableGuard(GUARD, crypto.randomUUID());

// The first Durable Object of a test run takes seconds to start, longer than a check waits for a guard.
beforeAll(async () => {
  await newGuard().verdict(0);
});

afterEach(async () => {
  for (const channel of ["stable", "canary", "shadow"]) {
    await ADAPTERS.delete(`channels/mini/${channel}.json`);
  }
});

const body = (serial: number, more: object) => ({
  schema: 1,
  adapter: "mini",
  serial,
  share: 1,
  updatedAt: "2026-11-23T00:00:00Z",
  ...more,
});
const put = (channel: string, text: object | string) =>
  ADAPTERS.put(
    `channels/mini/${channel}.json`,
    typeof text === "string" ? text : JSON.stringify(text),
  );
const canaryOf = (version: string | null, serial: number, more: object = {}) =>
  put("canary", body(serial, { version, sticky: "request", bounds, ...more }));

/** An isolate: what it holds, its guard, and where its requests go. */
function isolate({
  signedBy = null as ReturnType<typeof parsePublicKeys>,
  guard = newGuard(),
  heapBytes = 110_000_000,
  intervalMs = 0,
} = {}) {
  const { shelf, loaded } = fakeShelf(heapBytes, versions);
  const faults: string[] = [];
  const waiting: Promise<unknown>[] = [];
  const shared = {
    store: r2BundleStore(ADAPTERS),
    shelf,
    adapter: "mini",
    intervalMs,
    signedBy,
  };
  const onChange = (fault: { kind: string } | null) => faults.push(fault?.kind ?? "serving");
  const stable = new AdapterHost({ ...shared, onChange });
  const observe: Observe = (record) => {
    if (record.event === "adapter") faults.push(record.fault ?? "serving");
    if (record.event === "canary_stopped") faults.push(`stopped: ${record.reason}`);
  };
  const trial = new CanaryAndShadow({ ...shared, stable, observe }, guard);
  const { canary, shadow } = trial;
  const waitUntil = (work: Promise<unknown>) => void waiting.push(work);
  /** Sends a request through: which version and channel it gets. */
  const request = async (requestId = "req_1", tenant = "local") => {
    const source = trial.source({ tenant, requestId });
    await source.refresh(waitUntil);
    // The checks that went on beside it, and what they began.
    await Promise.all(waiting);
    await Promise.all(waiting);
    const served = source.current();
    return `${served?.servedBy ?? "stable"} ${served?.ranker.manifest.version ?? null}`;
  };
  return { trial, stable, canary, shadow, guard, request, faults, loaded, shelf, waitUntil };
}

describe("a canary", () => {
  it("gets its share of the requests, the same ones each time; the rest is stable's", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("1.1.0", 1, { share: 0.3 });
    const { request } = isolate({ intervalMs: 3_600_000 });
    const ids = Array.from({ length: 400 }, (_, at) => `req_${at}`);
    const first = new Map<string, string>();
    for (const id of ids) first.set(id, await request(id));
    const taken = [...first.values()].filter((one) => one === "canary 1.1.0").length;
    expect([...first.values()].filter((one) => one === "stable 1.0.0")).toHaveLength(400 - taken);
    expect(Math.abs(taken / 400 - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 400));
    for (const id of ids.slice(0, 50)) expect(await request(id)).toBe(first.get(id));
  });

  it("keeps a tenant with it, or without it, where its pointer says so", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("1.1.0", 1, { share: 0.5, sticky: "tenant" });
    const { request } = isolate({ intervalMs: 3_600_000 });
    const channels = new Set<string>();
    for (let tenant = 0; tenant < 20; tenant += 1) {
      const of = (id: string) => request(id, `clinic-${tenant}`);
      const ends = new Set([await of("req_1"), await of("req_2"), await of("req_3")]);
      expect(ends.size).toBe(1);
      for (const end of ends) channels.add(end);
    }
    expect(channels).toEqual(new Set(["stable 1.0.0", "canary 1.1.0"]));
  });

  it("has its version ready before the first of its requests comes", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("1.1.0", 1, { share: 0.0001 });
    const { request, loaded } = isolate();
    expect(await request("not of the share")).toBe("stable 1.0.0");
    expect(loaded.toSorted()).toEqual(["1.0.0", "1.1.0"]);
  });

  it("that the guard stopped gets nothing more, and its heap is free; a new serial begins afresh", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("1.1.0", 7);
    const { request, canary, guard, faults, shelf } = isolate();
    expect(await request()).toBe("canary 1.1.0");
    const { trial } = canary;
    const counts = [
      { ...NO_COUNTS, channel: "canary" as const, version: "1.1.0", requests: 10, failures: 5 },
    ];
    await guard.report({ trial, counts });
    expect(await request()).toBe("stable 1.0.0");
    expect(canary.stop).toMatchObject({ serial: 7, reason: "failure_rate" });
    expect(faults.at(-1)).toBe("stopped: failure_rate");
    expect(await request()).toBe("stable 1.0.0");
    expect(shelf.ready("1.1.0")).toBeNull();
    // An isolate that has just begun knows it from the start.
    const other = isolate({ guard });
    expect(await other.request()).toBe("stable 1.0.0");
    expect(other.loaded).toEqual(["1.0.0"]);
    await canaryOf("1.1.0", 8);
    expect(await request()).toBe("canary 1.1.0");
  });

  it("gets nothing while the guard cannot be asked: stable answers", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("1.1.0", 1);
    const down = () => Promise.reject(new Error("down"));
    const { request } = isolate({ guard: { report: down, verdict: down, overview: down } });
    expect(await request()).toBe("stable 1.0.0");
  });

  it("whose guard is slow gets its share when the answer is there", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("1.1.0", 1);
    const guard = newGuard();
    const answered = Promise.withResolvers<null>();
    const { request, canary } = isolate({
      guard: { ...guard, verdict: () => answered.promise },
      intervalMs: 3_600_000,
    });
    setTimeout(() => answered.resolve(null), 2_300);
    expect(await request()).toBe("stable 1.0.0");
    await expect.poll(() => canary.serves).toBe(true);
    expect(await request()).toBe("canary 1.1.0");
  });

  it("whose bundle is refused gets nothing, and is read once", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("bad-1", 1);
    const { request, canary, loaded, faults } = isolate();
    for (let times = 0; times < 3; times += 1) expect(await request()).toBe("stable 1.0.0");
    expect(canary.channel.fault).toEqual({ kind: "self_test_failed", vector: 0, version: "bad-1" });
    expect(loaded.filter((version) => version === "bad-1")).toHaveLength(1);
    expect(faults.filter((fault) => fault === "self_test_failed")).toHaveLength(1);
    await canaryOf("1.2.0", 2);
    expect(await request()).toBe("canary 1.2.0");
  });

  it("for which there is no room gets nothing, and says so", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("1.1.0", 1);
    const { request, canary } = isolate({ heapBytes: 40_000_000 });
    expect(await request()).toBe("stable 1.0.0");
    expect(canary.channel.fault).toEqual({ kind: "no_room", version: "1.1.0" });
  });

  it.each<[string, () => Promise<unknown>]>([
    ["with a pointer that names no version", () => canaryOf(null, 2)],
    ["without its pointer", () => ADAPTERS.delete("channels/mini/canary.json")],
    ["that stable has caught up with", () => put("stable", body(2, { version: "1.1.0" }))],
  ])("%s has ended", async (_, end) => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("1.1.0", 1);
    const { request, canary } = isolate();
    expect(await request()).toBe("canary 1.1.0");
    await end();
    expect(await request()).toMatch(/^stable /);
    expect(canary.channel.watch.fault).toBeNull();
  });

  it("that came back after its end follows no serial that it had before", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await canaryOf("1.1.0", 5);
    const { request, canary } = isolate();
    await request();
    await canaryOf(null, 6);
    await request();
    await canaryOf("1.1.0", 5);
    expect(await request()).toBe("stable 1.0.0");
    expect(canary.channel.fault).toEqual({ kind: "pointer_older" });
  });
});

describe("with a public key", () => {
  it("a canary unsigned, altered, of another channel or an older serial is refused; the one before goes on", async () => {
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    if (!("publicKey" in pair)) throw new Error("no key pair");
    const raw = (await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer;
    const signed = async (channel: string, pointer: ReturnType<typeof body> & object) => {
      const message = signedMessage({ kind: "pointer", channel, pointer });
      const made = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, message));
      const value = btoa(String.fromCharCode(...made));
      return { ...pointer, signature: { alg: "Ed25519", key: "0".repeat(16), value } };
    };
    const pointer = (serial: number, version = "1.1.0") =>
      body(serial, { version, sticky: "request", bounds });
    await put("stable", await signed("stable", body(1, { version: "1.0.0" })));
    const first = await signed("canary", pointer(3));
    await put("canary", first);
    const { request, canary } = isolate({ signedBy: [new Uint8Array(raw)] });
    expect(await request()).toBe("canary 1.1.0");
    const wrong: [object, string][] = [
      [pointer(4, "1.2.0"), "signature_missing"],
      [{ ...first, share: 0.5 }, "signature_invalid"],
      [{ ...first, bounds: { ...bounds, maxFailureRate: 1 } }, "signature_invalid"],
      [await signed("shadow", pointer(4, "1.2.0")), "signature_invalid"],
      [await signed("canary", pointer(2, "1.2.0")), "pointer_older"],
      [golden.pointers[1]?.pointer ?? {}, "signature_invalid"],
    ];
    for (const [given, kind] of wrong) {
      await put("canary", given);
      expect(await request()).toBe("canary 1.1.0");
      expect(canary.channel.fault).toMatchObject({ kind });
    }
    await put("canary", await signed("canary", pointer(5, "1.2.0")));
    expect(await request()).toBe("canary 1.2.0");
    expect(canary.channel.fault).toBeNull();
  });
});

describe("a check that is long ago", () => {
  it("is waited for past three intervals, and not before", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    const { trial, stable, waitUntil, request } = isolate({ intervalMs: 1_000 });
    const source = () => trial.source({ tenant: "t", requestId: "r" });
    expect(source().ready()).toBeNull();
    await request();
    expect(source().ready()?.ranker.manifest.version).toBe("1.0.0");
    await put("stable", body(2, { version: "1.1.0" }));
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    // Older than the interval: still used, while the check that this request begins goes on.
    const beside = source();
    await beside.refresh(waitUntil);
    expect(beside.ready()?.ranker.manifest.version).toBe("1.0.0");
    await stable.begin(waitUntil)();
    expect(beside.ready()?.ranker.manifest.version).toBe("1.1.0");
    await put("stable", body(3, { version: "1.0.0" }));
    await new Promise((resolve) => setTimeout(resolve, 3_100));
    const late = source();
    const waited = late.refresh(waitUntil);
    expect(late.ready()).toBeNull();
    await waited;
    expect(late.ready()?.ranker.manifest.version).toBe("1.0.0");
  });
});

describe("a shadow", () => {
  it("is loaded when it is first needed, and freed when it has ended", async () => {
    await put("stable", body(1, { version: "1.0.0" }));
    await put("shadow", body(1, { version: "1.2.0", share: 0.5 }));
    const { shadow, shelf, request, waitUntil } = isolate();
    expect(await request()).toBe("stable 1.0.0");
    await shadow.watch.begin(waitUntil)();
    expect(shelf.ready("1.2.0")).toBeNull();
    expect((await shadow.load(waitUntil))?.manifest.version).toBe("1.2.0");
    await put("shadow", body(2, { version: null, share: 0 }));
    await shadow.watch.begin(waitUntil)();
    await expect.poll(() => shelf.ready("1.2.0")).toBeNull();
    expect(await shadow.load(waitUntil)).toBeNull();
  });
});
