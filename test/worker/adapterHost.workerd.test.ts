/** When the pointer in R2 is looked at, and what a look costs a request. Real R2; swaps are tested end to end. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { type BundleStore, verifyBundle } from "../../src/adapter/bundle.ts";
import { fail } from "../../src/adapter/result.ts";
import { AdapterHost } from "../../src/worker/adapterHost.ts";
import { r2BundleStore } from "../../src/worker/adapterStore.ts";
import type { Bindings } from "../../src/worker/env.ts";

const bucket = (env as unknown as Bindings).ADAPTERS;
const key = "channels/mini/stable.json";
const pointer = (version: string, serial: number) =>
  JSON.stringify({
    schema: 1,
    adapter: "mini",
    version,
    serial,
    share: 1,
    updatedAt: "2026-11-23T00:00:00Z",
  });

afterEach(async () => {
  await bucket.delete(key);
});

/** A host over R2 that counts what it reads. */
function counted(intervalMs: number, store: BundleStore = r2BundleStore(bucket)) {
  const counts = { pointers: 0, loads: 0, faults: [] as string[] };
  const waiting: Promise<unknown>[] = [];
  const host = new AdapterHost({
    store: {
      ...store,
      pointer: (...parts) => {
        counts.pointers += 1;
        return store.pointer(...parts);
      },
    },
    adapter: "mini",
    channel: "stable",
    intervalMs,
    load: async (files, expected) => {
      counts.loads += 1;
      const bundle = await verifyBundle(files, { expect: expected, keep: [] });
      return bundle.ok ? fail({ kind: "engine_failed", reason: "trap" }) : bundle;
    },
    onChange: (fault) => counts.faults.push(fault?.kind ?? "serving"),
  });
  const look = () => host.look((work) => waiting.push(work));
  return { host, counts, look, waiting };
}

describe("the R2 store", () => {
  it("finds a pointer, tells when it has not changed, and when there is none", async () => {
    const store = r2BundleStore(bucket);
    expect(await store.pointer("mini", "stable", null)).toEqual({ kind: "absent" });
    await bucket.put(key, "one");
    const found = await store.pointer("mini", "stable", null);
    if (found.kind !== "found") throw new Error("not found");
    expect(new TextDecoder().decode(found.bytes)).toBe("one");
    expect(await store.pointer("mini", "stable", found.etag)).toEqual({ kind: "unchanged" });
    await bucket.put(key, "two");
    expect(await store.pointer("mini", "stable", found.etag)).toMatchObject({ kind: "found" });
    expect(await store.pointer("other", "stable", null)).toEqual({ kind: "absent" });
  });

  it("reads a version's files, and null where there is none", async () => {
    await bucket.put("adapters/mini/9/a.txt", "text");
    const files = r2BundleStore(bucket).open("mini", "9");
    expect(new TextDecoder().decode((await files.read("a.txt")) ?? undefined)).toBe("text");
    expect(await files.read("b.txt")).toBeNull();
  });
});

describe("a look at the pointer", () => {
  it("happens once for requests that come together, and not again within the interval", async () => {
    const { look, counts, waiting } = counted(3_600_000);
    await Promise.all(Array.from({ length: 10 }, look));
    await look();
    expect(counts.pointers).toBe(1);
    expect(waiting).toHaveLength(1);
  });

  it("does not hold up a request: what serves is known at once", async () => {
    const slow = Promise.withResolvers<{ kind: "absent" }>();
    const store: BundleStore = { ...r2BundleStore(bucket), pointer: () => slow.promise };
    const { host, look } = counted(0, store);
    const looking = look();
    expect(host.peek()).toBeNull();
    expect(host.status().fault).toBeNull();
    slow.resolve({ kind: "absent" });
    await looking;
    expect(host.status().fault).toEqual({ kind: "pointer_absent" });
  });

  it("reads a refused bundle once, and again only when the pointer changes", async () => {
    await bucket.put(key, pointer("7.0.0", 1));
    const { host, look, counts } = counted(0);
    await look();
    await look();
    await look();
    expect(counts).toMatchObject({ pointers: 3, loads: 1, faults: ["manifest_missing"] });
    expect(host.status().fault).toEqual({ kind: "manifest_missing", version: "7.0.0" });
    await bucket.put(key, pointer("7.0.1", 2));
    await look();
    expect(counts.loads).toBe(2);
    expect(host.status().fault).toMatchObject({ version: "7.0.1" });
  });

  it("tries again where the store failed, and says so", async () => {
    const real = r2BundleStore(bucket);
    let down = true;
    const store: BundleStore = {
      ...real,
      pointer: (...parts) => (down ? Promise.reject(new Error("down")) : real.pointer(...parts)),
    };
    const { host, look } = counted(0, store);
    await look();
    expect(host.status().fault).toEqual({ kind: "store_unavailable" });
    down = false;
    await look();
    expect(host.status().fault).toEqual({ kind: "pointer_absent" });
  });
});
