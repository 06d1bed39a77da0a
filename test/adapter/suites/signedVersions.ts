/**
 * Two signed versions of the shipped bundle in real R2, a pointer that names one of them, and hosts that follow it with
 * the real engine. For tests that damage what lies there.
 */

import { env } from "cloudflare:workers";
import { startEngine } from "../../../src/adapter/engines/simd/workerd.ts";
import { type PublicKeys, signedMessage } from "../../../src/adapter/signature.ts";
import { EngineChoice } from "../../../src/worker/adapters/engines.ts";
import { AdapterHost } from "../../../src/worker/adapters/host.ts";
import { type LoadRanker, RankerShelf } from "../../../src/worker/adapters/shelf.ts";
import { r2BundleStore } from "../../../src/worker/adapters/versions.ts";
import { type Files, manifestOf, readAll, withManifest } from "./bundleEdits.ts";
import { inWorkerd } from "./workerd.ts";

export const bucket = (env as unknown as { readonly ADAPTERS: R2Bucket }).ADAPTERS;
const never = new AbortController().signal;
const encoded = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

let pair: CryptoKeyPair;
let publicKey: Uint8Array<ArrayBuffer>;
let serial = 0;
/** Two whole, signed versions, differing in every file but the weights. */
const versions = new Map<string, Files>();
export const [ONE, TWO] = ["1.0.0", "2.0.0"] as const;
export const SIGNATURE = "manifest.sig.json";

async function sign(message: Uint8Array<ArrayBuffer>) {
  const value = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, message));
  return { alg: "Ed25519", key: "0".repeat(16), value: btoa(String.fromCharCode(...value)) };
}

async function signed(files: Files): Promise<Files> {
  const bytes = Uint8Array.from(files.get("manifest.json") ?? []);
  const signature = await sign(signedMessage({ kind: "manifest", bytes }));
  return new Map(files).set(SIGNATURE, encoded(signature));
}

/** Puts both versions into R2. To be called once, before all. */
export async function putVersions(): Promise<void> {
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
}

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

/** A version as it is when it is whole. */
export function filesOf(version: string): Files {
  return versions.get(version) ?? new Map();
}

const keyOf = (version: string, path: string) => `adapters/mini/${version}/${path}`;

/** Puts other bytes in a file's place (null: none). */
export async function put(version: string, path: string, bytes: Uint8Array | null): Promise<void> {
  if (bytes === null) await bucket.delete(keyOf(version, path));
  else await bucket.put(keyOf(version, path), bytes);
}

/** Puts a file back as it was. */
export const restore = (version: string, path: string) =>
  put(version, path, filesOf(version).get(path) ?? null);

/** Points the channel at a version, signed, with the next serial; that. */
export async function point(version: string): Promise<number> {
  serial += 1;
  const updatedAt = "2026-11-23T00:00:00Z";
  const pointer = { schema: 1, adapter: "mini", version, serial, share: 1, updatedAt };
  const signature = await sign(signedMessage({ kind: "pointer", channel: "stable", pointer }));
  await bucket.put("channels/mini/stable.json", encoded({ ...pointer, signature }));
  return serial;
}

/** A host that looks at its pointer each time, over R2 as `read` lets it be seen. */
export function hostOver(read: Partial<R2Bucket> = {}) {
  const seen = { get: bucket.get.bind(bucket), ...read } as R2Bucket;
  const signedBy: PublicKeys = [publicKey];
  const choice = new EngineChoice(
    [{ name: "simd", roles: ["simd"], streams: true, start: startEngine }],
    signedBy,
  );
  const store = r2BundleStore(seen);
  const load: LoadRanker = (files, expected) => choice.load(files, expected);
  const host = new AdapterHost({
    store,
    shelf: new RankerShelf({ store, adapter: "mini", load, heapBytes: 80_000_000 }),
    adapter: "mini",
    intervalMs: 0,
    signedBy,
    onChange: () => {},
  });
  return { host, refresh: () => host.begin(() => {})() };
}

/** A score of what serves now. */
export async function scores(host: AdapterHost): Promise<boolean> {
  const options = ["yes", "no"].map((label) => ({ label, text: label }));
  const question = { question: "Is zinc blue?", options, context: null };
  const opened = host.current()?.ranker.open(question, never);
  if (!opened?.ok) return false;
  const score = await opened.value.score({ answer: null, text: "It is." });
  opened.value.close();
  return score.ok;
}
