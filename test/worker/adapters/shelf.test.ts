/** Who is held in an isolate's heap, and who has to go for whom. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { heapEstimate } from "../../../src/adapter/admission.ts";
import { sampleManifest } from "../../adapter/sampleManifest.ts";
import { fakeShelf, waitUntil } from "./fakeRankers.ts";

const TWO = 80_000_000;
const THREE = 110_000_000;
const ONE = 40_000_000;
const versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "bad-1"];
const taken = { ok: true };
const noRoom = { ok: false, failure: { kind: "no_room" } };

afterEach(() => {
  vi.useRealTimers();
});

describe("the estimate of a bundle's heap", () => {
  const file = (role: "simd" | "onnx", bytes: number) =>
    ({ path: role, role, bytes, sha256: "0".repeat(64) }) as const;
  const megabytes = (...files: ReturnType<typeof file>[]) =>
    heapEstimate({ ...sampleManifest, files }) / 1e6;

  it("is no less than what models/mini was measured to hold, and not much more", () => {
    const ours = megabytes(file("simd", 23_102_144), file("onnx", 23_101_432));
    expect(ours).toBeGreaterThan(30.9);
    expect(ours).toBeLessThan(35);
    const onnx = megabytes(file("onnx", 23_101_432));
    expect(onnx).toBeGreaterThan(75.1);
    expect(onnx).toBeLessThan(80);
  });

  it("is nothing for a bundle that runs elsewhere", () => {
    expect(megabytes()).toBe(0);
  });
});

describe("an isolate with room for two", () => {
  it("holds a version once, whoever takes it, and frees it with the last", async () => {
    const { shelf, loaded, ranker } = fakeShelf(TWO, versions);
    const takers = [
      shelf.take("1.0.0", "stable", waitUntil),
      shelf.take("1.0.0", "canary", waitUntil),
    ];
    for (const end of await Promise.all(takers)) expect(end).toMatchObject(taken);
    expect(loaded).toEqual(["1.0.0"]);
    await shelf.drop("1.0.0", "canary");
    expect(shelf.ready("1.0.0")).not.toBeNull();
    await shelf.drop("1.0.0", "stable");
    expect(shelf.ready("1.0.0")).toBeNull();
    expect(ranker("1.0.0").retired).toBe(true);
    expect(shelf.heldBytes).toBe(0);
  });

  it("holds a canary beside stable, and no third for a shadow", async () => {
    const { shelf } = fakeShelf(TWO, versions);
    await shelf.take("1.0.0", "stable", waitUntil);
    expect(await shelf.take("1.1.0", "canary", waitUntil)).toMatchObject(taken);
    expect(await shelf.take("1.2.0", "shadow", waitUntil)).toEqual(noRoom);
    expect(shelf.ready("1.1.0")).not.toBeNull();
    expect(shelf.heldBytes).toBeLessThan(TWO);
  });

  it("lets a pinned version take the canary's place, never stable's", async () => {
    const { shelf, ranker } = fakeShelf(TWO, versions);
    await shelf.take("1.0.0", "stable", waitUntil);
    await shelf.take("1.1.0", "canary", waitUntil);
    expect(await shelf.take("1.2.0", "pinned", waitUntil)).toMatchObject(taken);
    expect(ranker("1.1.0").retired).toBe(true);
    expect(ranker("1.0.0").retired).toBe(false);
    expect(await shelf.take("1.3.0", "pinned", waitUntil)).toMatchObject(taken);
    expect(shelf.ready("1.2.0")).toBeNull();
    expect(shelf.ready("1.0.0")).not.toBeNull();
  });

  it("drains the canary for a pinned version, and lets it back only when nobody pins any more", async () => {
    const { shelf, ranker } = fakeShelf(TWO, versions);
    await shelf.take("1.0.0", "stable", waitUntil);
    await shelf.take("1.1.0", "canary", waitUntil);
    ranker("1.1.0").busy = 1;
    expect(await shelf.take("1.2.0", "pinned", waitUntil)).toEqual(noRoom);
    expect(shelf.ready("1.1.0")).toBeNull();
    expect(ranker("1.1.0").retired).toBe(false);
    ranker("1.1.0").busy = 0;
    expect(await shelf.take("1.2.0", "pinned", waitUntil)).toMatchObject(taken);
    expect(await shelf.take("1.1.0", "canary", waitUntil)).toEqual(noRoom);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31_000 });
    expect(await shelf.take("1.1.0", "canary", waitUntil)).toMatchObject(taken);
    expect(shelf.ready("1.2.0")).toBeNull();
  });

  it("drains a busy canary for stable", async () => {
    const { shelf, ranker } = fakeShelf(TWO, versions);
    await shelf.take("1.0.0", "stable", waitUntil);
    await shelf.take("1.1.0", "canary", waitUntil);
    ranker("1.1.0").busy = 1;
    const swapping = shelf.take("1.2.0", "stable", waitUntil);
    await expect.poll(() => shelf.ready("1.1.0")).toBeNull();
    expect(ranker("1.1.0").retired).toBe(false);
    expect(shelf.ready("1.0.0")).not.toBeNull();
    ranker("1.1.0").busy = 0;
    expect(await swapping).toMatchObject(taken);
    expect(ranker("1.0.0").retired).toBe(false);
  });

  it("counts those that are draining, and retires them again", async () => {
    const { shelf, ranker } = fakeShelf(TWO, versions);
    await shelf.take("1.0.0", "stable", waitUntil);
    await shelf.take("1.1.0", "canary", waitUntil);
    ranker("1.1.0").busy = 1;
    void shelf.drop("1.1.0", "canary");
    expect(await shelf.take("1.2.0", "canary", waitUntil)).toEqual(noRoom);
    ranker("1.1.0").busy = 0;
    expect(await shelf.take("1.2.0", "canary", waitUntil)).toMatchObject(taken);
  });

  it("is none the worse for a version that is refused", async () => {
    const { shelf } = fakeShelf(TWO, versions);
    await shelf.take("1.0.0", "stable", waitUntil);
    const refused = { ok: false, failure: { kind: "self_test_failed", vector: 0 } };
    expect(await shelf.take("bad-1", "canary", waitUntil)).toEqual(refused);
    expect(await shelf.take("1.1.0", "canary", waitUntil)).toMatchObject(taken);
  });
});

describe("an isolate with room for", () => {
  it("three holds three", async () => {
    const { shelf } = fakeShelf(THREE, versions);
    const holders = ["stable", "canary", "shadow"] as const;
    const ends = holders.map((holder, at) => shelf.take(`1.${at}.0`, holder, waitUntil));
    for (const end of await Promise.all(ends)) expect(end).toMatchObject(taken);
  });

  it("one drains stable before it loads the next", async () => {
    const { shelf, ranker, loaded } = fakeShelf(ONE, versions);
    await shelf.take("1.0.0", "stable", waitUntil);
    expect(await shelf.take("1.1.0", "canary", waitUntil)).toEqual(noRoom);
    ranker("1.0.0").busy = 1;
    const swapping = shelf.take("1.1.0", "stable", waitUntil);
    await expect.poll(() => shelf.ready("1.0.0")).toBeNull();
    expect(loaded).toEqual(["1.0.0"]);
    ranker("1.0.0").busy = 0;
    expect(await swapping).toMatchObject(taken);
    expect(loaded).toEqual(["1.0.0", "1.1.0"]);
  });

  it("less than one holds one all the same, as there is nothing else to do", async () => {
    const { shelf } = fakeShelf(1_000_000, versions);
    expect(await shelf.take("1.0.0", "stable", waitUntil)).toMatchObject(taken);
  });
});
