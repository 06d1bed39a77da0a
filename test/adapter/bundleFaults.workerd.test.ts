/**
 * Bundles in R2 that are damaged, slow or changed under their reader, with the real engine: the version that served
 * goes on, the fault has a name, and the next pointer to a whole version heals it. Real R2; its own failures are made
 * by a bucket around it.
 */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { startEngine } from "../../src/adapter/engines/simd/workerd.ts";
import { type PublicKeys, signedMessage } from "../../src/adapter/signature.ts";
import { AdapterHost } from "../../src/worker/adapterHost.ts";
import { r2BundleStore } from "../../src/worker/adapterStore.ts";
import { EngineChoice } from "../../src/worker/engineChoice.ts";
import { bitFlipped, type Files, manifestOf, readAll, withManifest } from "./suites/bundleEdits.ts";
import { inWorkerd } from "./suites/workerd.ts";

const bucket = (env as unknown as { readonly ADAPTERS: R2Bucket }).ADAPTERS;
const never = new AbortController().signal;
const encoded = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

let pair: CryptoKeyPair;
let publicKey: Uint8Array<ArrayBuffer>;
let serial = 0;
/** Two whole, signed versions, differing in every file but the weights. */
const versions = new Map<string, Files>();
const [ONE, TWO] = ["1.0.0", "2.0.0"] as const;
const SIGNATURE = "manifest.sig.json";

async function sign(message: Uint8Array<ArrayBuffer>) {
  const value = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, message));
  return { alg: "Ed25519", key: "0".repeat(16), value: btoa(String.fromCharCode(...value)) };
}

async function signed(files: Files): Promise<Files> {
  const bytes = Uint8Array.from(files.get("manifest.json") ?? []);
  const signature = await sign(signedMessage({ kind: "manifest", bytes }));
  return new Map(files).set(SIGNATURE, encoded(signature));
}

beforeAll(async () => {
  const made = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("publicKey" in made)) throw new Error("no key pair");
  pair = made;
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  publicKey = new Uint8Array(raw as ArrayBuffer);
  const shipped = await readAll(inWorkerd.bundle);
  for (const version of [ONE, TWO]) {
    versions.set(version, await signed(await versioned(shipped, version)));
    for (const path of filesOf(version).keys()) await restore(version, path);
  }
});

/** The shipped bundle as another version: a card and a tokenizer file of its own, and as whole as ever. */
async function versioned(shipped: Files, version: string): Promise<Files> {
  const files = new Map(shipped);
  const own = new Map<string, { bytes: number; sha256: string }>();
  for (const path of ["README.md", "tokenizer.json"]) {
    // White space at the end: JSON and text stay what they are.
    const ending = " ".repeat(version === ONE ? 1 : 2);
    const text = new TextDecoder().decode(shipped.get(path)) + ending;
    const bytes = new TextEncoder().encode(text);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    files.set(path, bytes);
    own.set(path, { bytes: bytes.byteLength, sha256 });
  }
  return withManifest(files, (json) => {
    json.version = version;
    json.files = manifestOf(shipped).files.map((file) => ({ ...file, ...own.get(file.path) }));
  });
}

function filesOf(version: string): Files {
  return versions.get(version) ?? new Map();
}

const keyOf = (version: string, path: string) => `adapters/mini/${version}/${path}`;

async function put(version: string, path: string, bytes: Uint8Array | null): Promise<void> {
  if (bytes === null) await bucket.delete(keyOf(version, path));
  else await bucket.put(keyOf(version, path), bytes);
}

const restore = (version: string, path: string) =>
  put(version, path, filesOf(version).get(path) ?? null);

/** Points the channel at a version, signed, with the next serial. */
async function point(version: string): Promise<void> {
  serial += 1;
  const updatedAt = "2026-11-23T00:00:00Z";
  const pointer = { schema: 1, adapter: "mini", version, serial, share: 1, updatedAt };
  const signature = await sign(signedMessage({ kind: "pointer", channel: "stable", pointer }));
  await bucket.put("channels/mini/stable.json", encoded({ ...pointer, signature }));
}

/** A host that looks at its pointer each time, over R2 as `read` lets it be seen. */
function hostOver(read: Partial<R2Bucket> = {}) {
  const seen = { get: bucket.get.bind(bucket), ...read } as R2Bucket;
  const signedBy: PublicKeys = [publicKey];
  const choice = new EngineChoice(
    [{ name: "simd", roles: ["simd"], streams: true, start: startEngine }],
    signedBy,
  );
  const host = new AdapterHost({
    store: r2BundleStore(seen),
    adapter: "mini",
    channel: "stable",
    intervalMs: 0,
    signedBy,
    load: (files, expected) => choice.load(files, expected),
    onChange: () => {},
  });
  return { host, look: () => host.look(() => {}) };
}

/** A score of what serves now. */
async function scores(host: AdapterHost): Promise<boolean> {
  const options = ["yes", "no"].map((label) => ({ label, text: label }));
  const question = { question: "Is zinc blue?", options, context: null };
  const opened = host.peek()?.open(question, never);
  if (!opened?.ok) return false;
  const score = await opened.value.score({ answer: null, text: "It is." });
  opened.value.close();
  return score.ok;
}

const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);
const flipped = (bytes: Uint8Array) => bitFlipped(bytes, bytes.length * 4);
const signature = (kind: string) => ({ kind, path: SIGNATURE });
const file = (kind: string) => (path: string) => ({ kind, path });

/** What becomes of a file, and the fault that it is to be named by: of the manifest, its signature, any other. */
const damages: [
  string,
  (bytes: Uint8Array, path: string, other: string) => Uint8Array | null,
  {
    manifest: object;
    signature: object;
    file: (path: string) => object;
  },
][] = [
  [
    "missing",
    () => null,
    {
      manifest: { kind: "manifest_missing" },
      signature: signature("signature_missing"),
      file: file("file_missing"),
    },
  ],
  [
    "truncated",
    half,
    {
      manifest: signature("signature_invalid"),
      signature: signature("signature_invalid"),
      file: file("size_mismatch"),
    },
  ],
  [
    "bit-flipped",
    flipped,
    {
      manifest: signature("signature_invalid"),
      signature: signature("signature_invalid"),
      file: file("hash_mismatch"),
    },
  ],
];

const paths = [
  "manifest.json",
  SIGNATURE,
  "adapter.ort",
  "encoder.bin",
  "tokenizer.json",
  "README.md",
];

describe("a bundle with one file damaged", () => {
  let over: ReturnType<typeof hostOver>;
  let [serves, next]: [string, string] = [ONE, TWO];

  beforeAll(async () => {
    over = hostOver();
    await point(serves);
    await over.look();
  });

  /** Damages a file of the next version: refused by name. Makes it whole again: served. */
  async function refusedThenHealed(path: string, bytes: Uint8Array | null, fault: object) {
    const { host, look } = over;
    await put(next, path, bytes);
    await point(next);
    await look();
    expect(host.status()).toMatchObject({ version: serves, fault });
    expect(await scores(host)).toBe(true);
    await restore(next, path);
    await look();
    // What was refused is not read again before the pointer says so.
    expect(host.status()).toMatchObject({ version: serves, fault });
    await point(next);
    await look();
    expect(host.status()).toMatchObject({ version: next, serial, fault: null });
    expect(await scores(host)).toBe(true);
    [serves, next] = [next, serves];
  }

  it("has the files that are damaged here", () => {
    expect([...filesOf(ONE).keys()].sort()).toEqual([...paths].sort());
  });

  describe.each(damages)("%s", (_, damage, faults) => {
    it.each(paths)("%s: the old version goes on, the next pointer heals", async (path) => {
      const whole = filesOf(next).get(path) ?? new Uint8Array();
      const fault =
        path === "manifest.json"
          ? faults.manifest
          : path === SIGNATURE
            ? faults.signature
            : faults.file(path);
      await refusedThenHealed(path, damage(whole, path, serves), { ...fault, version: next });
    });
  });

  describe("swapped with the other version's", () => {
    it.each([
      ["manifest.json", signature("signature_invalid")],
      [SIGNATURE, signature("signature_invalid")],
      ["tokenizer.json", { kind: "size_mismatch", path: "tokenizer.json" }],
      ["README.md", { kind: "size_mismatch", path: "README.md" }],
    ])("%s: the old version goes on, the next pointer heals", async (path, fault) => {
      const others = filesOf(serves).get(path) ?? null;
      await refusedThenHealed(path, others, { ...fault, version: next });
    });

    it("the weights, of one size: told by their hash", async () => {
      // Both versions have the same weights here; another version's would be others of the same size.
      for (const path of ["adapter.ort", "encoder.bin"]) {
        const others = Uint8Array.from(filesOf(next).get(path) ?? []);
        others.reverse();
        const fault = { kind: "hash_mismatch", path };
        await refusedThenHealed(path, others, { ...fault, version: next });
      }
    });

    it("manifest and signature together: another version than the pointer's", async () => {
      const { host, look } = over;
      const others = filesOf(serves);
      await put(next, SIGNATURE, others.get(SIGNATURE) ?? null);
      const fault = { kind: "identity_mismatch", field: "version" };
      const damaged = next;
      await point(next);
      await put(next, "manifest.json", others.get("manifest.json") ?? null);
      await look();
      expect(host.status()).toMatchObject({ version: serves, fault: { ...fault, version: next } });
      await restore(damaged, SIGNATURE);
      await restore(damaged, "manifest.json");
      await point(damaged);
      await look();
      expect(host.status()).toMatchObject({ version: damaged, fault: null });
    });
  });
});

describe("R2 itself", () => {
  /** Reads of `path` go through `change`. */
  function reading(
    path: string,
    change: (body: R2ObjectBody) => R2ObjectBody | Promise<R2ObjectBody>,
  ) {
    const get = async (key: string, options?: R2GetOptions) => {
      const found = await bucket.get(key, options ?? {});
      const meant = found !== null && key.endsWith(`/${path}`) && "body" in found;
      return meant ? change(found as R2ObjectBody) : found;
    };
    return { get } as Partial<R2Bucket>;
  }

  /** The object with another body. */
  function withBody(found: R2ObjectBody, body: ReadableStream<Uint8Array>): R2ObjectBody {
    return {
      size: found.size,
      etag: found.etag,
      body,
      arrayBuffer: () => new Response(body).arrayBuffer(),
    } as unknown as R2ObjectBody;
  }

  it("that has no such bucket: nothing is served, and it is said why", async () => {
    const { host, look } = hostOver({
      get: () => Promise.reject(new Error("get: The specified bucket does not exist. (10006)")),
    } as Partial<R2Bucket>);
    await look();
    expect(host.status()).toMatchObject({ version: null, fault: { kind: "store_unavailable" } });
  });

  it("that is slow holds up nobody: what serves goes on serving", async () => {
    let open = true;
    const { host, look } = hostOver(
      reading("encoder.bin", async (found) => {
        while (!open) await new Promise((resolve) => setTimeout(resolve, 5));
        return found;
      }),
    );
    await point(ONE);
    await look();
    open = false;
    await point(TWO);
    const looking = look();
    expect(await scores(host)).toBe(true);
    expect(host.status()).toMatchObject({ version: ONE, fault: null });
    open = true;
    await looking;
    expect(host.status()).toMatchObject({ version: TWO, fault: null });
  });

  it.each(["tokenizer.json", "encoder.bin", "adapter.ort"])(
    "that breaks off in the middle of %s: no fault of the bundle; the next look reads it again",
    async (path) => {
      let broken = true;
      const { host, look } = hostOver(
        reading(path, (found) => {
          if (!broken) return found;
          let left = 3;
          const cut = new TransformStream<Uint8Array, Uint8Array>({
            transform(chunk, controller) {
              left -= 1;
              if (left > 0) controller.enqueue(chunk.subarray(0, 1000));
              else controller.error(new Error("connection lost"));
            },
            flush: (controller) => controller.error(new Error("connection lost")),
          });
          return withBody(found, found.body.pipeThrough(cut));
        }),
      );
      await point(ONE);
      await look();
      expect(host.status()).toMatchObject({ version: null, fault: { kind: "store_unavailable" } });
      broken = false;
      await look();
      expect(host.status()).toMatchObject({ version: ONE, fault: null });
    },
  );

  it.each(["encoder.bin", "tokenizer.json", "README.md", "manifest.json"])(
    "whose %s changes between two reads: refused, never half of each",
    async (path) => {
      let changes = true;
      const { host, look } = hostOver(
        reading("manifest.json", async (found) => {
          const read = await found.arrayBuffer();
          if (changes) await put(TWO, path, flipped(filesOf(TWO).get(path) ?? new Uint8Array()));
          return withBody(found, new Response(read).body as ReadableStream<Uint8Array>);
        }),
      );
      await point(TWO);
      await look();
      const kind = path === "manifest.json" ? "signature_invalid" : "hash_mismatch";
      expect(host.status()).toMatchObject({ version: null, fault: { kind } });
      changes = false;
      await restore(TWO, path);
      await point(TWO);
      await look();
      expect(host.status()).toMatchObject({ version: TWO, fault: null });
    },
  );

  it("has a pointer that names nothing, then none, then a good one", async () => {
    const { host, look } = hostOver();
    await point("3.0.0");
    await look();
    expect(host.status().fault).toEqual({ kind: "manifest_missing", version: "3.0.0" });
    await bucket.delete("channels/mini/stable.json");
    await look();
    expect(host.status().fault).toEqual({ kind: "pointer_absent" });
    await point(ONE);
    await look();
    expect(host.status()).toMatchObject({ version: ONE, fault: null });
  });
});
