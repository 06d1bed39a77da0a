/** When the pointer in R2 is checked, and what that costs a request. Real R2; swaps are tested end to end. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type BundleStore, verifyBundle } from "../../../src/adapter/bundle.ts";
import { fail } from "../../../src/adapter/result.ts";
import { type PublicKeys, parsePublicKeys, signedMessage } from "../../../src/adapter/signature.ts";
import { AdapterHost } from "../../../src/worker/adapters/host.ts";
import { RankerShelf } from "../../../src/worker/adapters/shelf.ts";
import { r2BundleStore } from "../../../src/worker/adapters/versions.ts";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import golden from "../../fixtures/signature.golden.json" with { type: "json" };
import { fakeLlm, isolate, newKey } from "../access/worker.ts";

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

function keysOf(text: string): PublicKeys {
  const keys = parsePublicKeys(text);
  if (keys === null) throw new Error("not a public key");
  return keys;
}

/** A host over R2 that counts what it reads. */
function counted(
  intervalMs: number,
  store: BundleStore = r2BundleStore(bucket),
  signedBy: PublicKeys | null = null,
) {
  const counts = { pointers: 0, loads: 0, faults: [] as string[] };
  const waiting: Promise<unknown>[] = [];
  const shelf = new RankerShelf({
    store,
    adapter: "mini",
    heapBytes: 80_000_000,
    load: async (files, expected) => {
      counts.loads += 1;
      const bundle = await verifyBundle(files, { expect: expected, keep: [], signedBy });
      return bundle.ok ? fail({ kind: "engine_failed", reason: "trap" }) : bundle;
    },
  });
  const host = new AdapterHost({
    store: {
      ...store,
      pointer: (...parts) => {
        counts.pointers += 1;
        return store.pointer(...parts);
      },
    },
    shelf,
    adapter: "mini",
    signedBy,
    intervalMs,
    onChange: (fault) => counts.faults.push(fault?.kind ?? "serving"),
  });
  const refresh = () => host.begin((work) => waiting.push(work))();
  return { host, counts, refresh, waiting };
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

describe("a check of the pointer", () => {
  it("happens once for requests that come together, and not again within the interval", async () => {
    const { refresh, counts, waiting } = counted(3_600_000);
    await Promise.all(Array.from({ length: 10 }, refresh));
    await refresh();
    expect(counts.pointers).toBe(1);
    expect(waiting).toHaveLength(1);
  });

  it("does not hold up a request: what serves is known at once", async () => {
    const slow = Promise.withResolvers<{ kind: "absent" }>();
    const store: BundleStore = { ...r2BundleStore(bucket), pointer: () => slow.promise };
    const { host, refresh } = counted(0, store);
    const refreshing = refresh();
    expect(host.current()).toBeNull();
    expect(host.status().fault).toBeNull();
    slow.resolve({ kind: "absent" });
    await refreshing;
    expect(host.status().fault).toEqual({ kind: "pointer_absent" });
  });

  it("reads a refused bundle once, and again only when the pointer changes", async () => {
    await bucket.put(key, pointer("7.0.0", 1));
    const { host, refresh, counts } = counted(0);
    await refresh();
    await refresh();
    await refresh();
    expect(counts).toMatchObject({ pointers: 3, loads: 1, faults: ["manifest_missing"] });
    expect(host.status().fault).toEqual({ kind: "manifest_missing", version: "7.0.0" });
    await bucket.put(key, pointer("7.0.1", 2));
    await refresh();
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
    const { host, refresh } = counted(0, store);
    await refresh();
    expect(host.status().fault).toEqual({ kind: "store_unavailable" });
    down = false;
    await refresh();
    expect(host.status().fault).toEqual({ kind: "pointer_absent" });
  });
});

describe("a deployment without the bucket", () => {
  it("answers by vote, says why, and counts as ever", async () => {
    vi.spyOn(console, "log").mockImplementation(() => {});
    const llm = fakeLlm();
    const call = await isolate({ ADAPTERS: undefined as never });
    const { key } = await newKey();
    const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };
    for (const requests of [1, 2]) {
      const { status, body } = await call("/v1/answer", { key, body: ask });
      expect(status).toBe(200);
      expect(body).toMatchObject({
        answer: "yes",
        degraded: true,
        degraded_reason: "store_unavailable",
      });
      expect(llm.requests).toBe(requests);
      expect((await call("/v1/usage", { key })).body.data).toMatchObject([{ requests }]);
    }
    const ready = await call("/readyz");
    expect(ready.status).toBe(503);
    expect(ready.body).toMatchObject({ status: "degraded", reason: "store_unavailable" });
    vi.restoreAllMocks();
  });
});

describe("with a public key", () => {
  const [stable, canary] = golden.pointers.map(({ pointer }) => JSON.stringify(pointer));
  const folder = "adapters/mini/2026.11.1";
  const at = (kind: string, path: string) => ({ kind, path, version: "2026.11.1" });

  it("follows signed pointers of its channel to signed manifests, and nothing else", async () => {
    const { host, refresh, counts } = counted(0, r2BundleStore(bucket), keysOf(golden.publicKey));
    const seen = async (text: string | undefined) => {
      await bucket.put(key, text ?? "");
      await refresh();
      return host.status().fault;
    };
    const pointerFault = (kind: string) => ({ kind, field: "signature" });
    expect(await seen(pointer("1.0.0", 1))).toEqual(pointerFault("signature_missing"));
    expect(await seen(canary)).toEqual(pointerFault("signature_invalid"));
    const moved = stable?.replace("2026.11.1", "2026.11.2");
    expect(await seen(moved)).toEqual(pointerFault("signature_invalid"));
    expect(counts.loads).toBe(0);

    await bucket.put(`${folder}/manifest.json`, golden.manifest.text);
    expect(await seen(stable)).toEqual(at("signature_missing", "manifest.sig.json"));
    const wrong = JSON.stringify(golden.pointers[0]?.pointer.signature);
    await bucket.put(`${folder}/manifest.sig.json`, wrong);
    expect(await seen(`${stable}\n`)).toEqual(at("signature_invalid", "manifest.sig.json"));
    await bucket.put(`${folder}/manifest.sig.json`, JSON.stringify(golden.manifest.signature));
    // Signed, and only then looked into: the golden manifest is no whole one.
    expect(await seen(`${stable}\n\n`)).toMatchObject({ kind: "manifest_malformed" });
  });

  it("follows no serial lower than the highest signed one, even where that one was refused", async () => {
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    if (!("publicKey" in pair)) throw new Error("no key pair");
    const raw = new Uint8Array(
      (await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer,
    );
    const { host, refresh } = counted(0, r2BundleStore(bucket), [raw]);
    const kindAt = async (serial: number, signed: boolean) => {
      const body = JSON.parse(pointer(`9.${serial}.0`, serial));
      const message = signedMessage({ kind: "pointer", channel: "stable", pointer: body });
      const made = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, message));
      const value = btoa(String.fromCharCode(...made));
      const signature = { alg: "Ed25519", key: "0".repeat(16), value };
      await bucket.put(key, JSON.stringify(signed ? { ...body, signature } : body));
      await refresh();
      return host.status().fault?.kind;
    };
    expect(await kindAt(5, true)).toBe("manifest_missing");
    expect(await kindAt(4, true)).toBe("pointer_older");
    // One that nobody signed does not raise the bar.
    expect(await kindAt(99, false)).toBe("signature_missing");
    expect(await kindAt(6, true)).toBe("manifest_missing");
  });
});
