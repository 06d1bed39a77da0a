/** Stable and pinned versions in an isolate: which of them ranks a request, and what becomes of the others. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { channelBodies } from "../../../src/worker/adapters/channelBody.ts";
import { AdapterHost } from "../../../src/worker/adapters/host.ts";
import { PinnedVersions } from "../../../src/worker/adapters/pinnedVersions.ts";
import { Rollout } from "../../../src/worker/adapters/rollout.ts";
import { memoryBundleStore } from "../../adapter/memoryBundleStore.ts";
import { fakeShelf, waitUntil } from "./fakeRankers.ts";

const TWO = 80_000_000;
const ONE = 40_000_000;
const key = { tenant: "t", requestId: "r" };

afterEach(() => {
  vi.useRealTimers();
});

/** An isolate without trial channels, whose stable pointer names 1.0.0. */
function isolate({ heapBytes = TWO, intervalMs = 0 } = {}) {
  const {
    shelf,
    store: bundles,
    loaded,
    ranker,
  } = fakeShelf(heapBytes, ["1.0.0", "1.1.0", "bad-1"]);
  const pointers = new Map<string, Uint8Array>();
  const { pointer } = memoryBundleStore(pointers);
  const shared = { store: { ...bundles, pointer }, shelf, adapter: "mini", intervalMs };
  let serial = 0;
  const publish = (version: string): void => {
    serial += 1;
    const body = { schema: 1, adapter: "mini", version, serial, share: 1 };
    const text = JSON.stringify({ ...body, updatedAt: "2026-11-23T00:00:00Z" });
    pointers.set("channels/mini/stable.json", new TextEncoder().encode(text));
  };
  publish("1.0.0");
  const stable = new AdapterHost({ ...shared, signedBy: null, onChange: () => {} });
  const rollout = new Rollout({
    stable,
    trial: null,
    pinnedVersions: new PinnedVersions({ ...shared, signedBy: null, onFault: () => {} }),
    versions: { list: async () => ({ versions: [], more: false }) } as never,
    engine: () => "none",
  });
  /** What ranks a request that comes now. */
  const request = async (pin: string | null = null) => {
    const source = rollout.source(key, pin);
    await source.refresh(waitUntil);
    const served = source.current();
    return `${served?.servedBy} ${served?.ranker.manifest.version}`;
  };
  return { rollout, stable, shelf, loaded, ranker, publish, request };
}

describe("without trial channels", () => {
  it("a request is stable's, or of the version that it pins", async () => {
    const { request, rollout } = isolate();
    expect(await request()).toBe("stable 1.0.0");
    expect(await request("1.1.0")).toBe("pinned 1.1.0");
    const state = { channel: "stable", version: "1.0.0", serial: 1, state: "serving" };
    expect(channelBodies(rollout)).toMatchObject([state]);
  });

  it("a probe finds a newer version at once", async () => {
    const { rollout, stable, publish, request } = isolate();
    await request();
    publish("1.1.0");
    await rollout.refresh(waitUntil);
    expect(stable.version).toBe("1.1.0");
  });
});

describe("a check that is older than the interval", () => {
  it("is relied on for three intervals: requests go on beside the next; then they wait for it", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { rollout, publish, request } = isolate({ intervalMs: 10_000 });
    const source = () => rollout.source(key, null);
    expect(source().ready()).toBeNull();
    await request();
    publish("1.1.0");
    vi.setSystemTime(Date.now() + 29_000);
    const beside = source();
    expect(beside.ready()?.ranker.manifest.version).toBe("1.0.0");
    await beside.refresh(waitUntil);
    expect(beside.ready()?.ranker.manifest.version).toBe("1.0.0");
    await rollout.refresh(waitUntil);
    publish("1.0.0");
    vi.setSystemTime(Date.now() + 31_000);
    const late = source();
    expect(late.ready()).toBeNull();
    await late.refresh(waitUntil);
    expect(late.ready()?.ranker.manifest.version).toBe("1.0.0");
  });
});

describe("a stable version that there is no room for beside the old one", () => {
  it("takes its place once it is drained; where it is refused the old one comes back", async () => {
    const { publish, request, stable, loaded } = isolate({ heapBytes: ONE, intervalMs: 0 });
    const next = async () => {
      await stable.begin(waitUntil)();
      return request();
    };
    expect(await next()).toBe("stable 1.0.0");
    publish("1.1.0");
    expect(await next()).toBe("stable 1.1.0");
    publish("bad-1");
    expect(await next()).toBe("stable 1.1.0");
    expect(stable.status()).toMatchObject({
      version: "1.1.0",
      serial: 2,
      fault: { kind: "self_test_failed", version: "bad-1" },
    });
    expect(loaded).toEqual(["1.0.0", "1.1.0", "bad-1", "1.1.0"]);
  });
});

describe("a version whose engine fails while a newer one is loaded", () => {
  it("is held no more when that one serves", async () => {
    const { stable, shelf, ranker, publish, request } = isolate();
    await request();
    const { heldBytes: one } = shelf;
    publish("1.1.0");
    const checked = stable.begin(waitUntil)();
    // The pointer has been read, and the newer version's load is under way.
    await new Promise((resolve) => setTimeout(resolve, 2));
    ranker("1.0.0").fault = () => "trap";
    await Promise.all([checked, stable.begin(waitUntil)()]);
    expect(stable.status()).toMatchObject({ version: "1.1.0", fault: null });
    await expect.poll(() => shelf.ready("1.0.0")).toBeNull();
    expect(shelf.heldBytes).toBe(one);
  });
});
