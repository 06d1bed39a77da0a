/**
 * Starts the engine on a verified bundle. `encoder.bin` goes from the store straight into WebAssembly memory, and its
 * SHA-256 is taken there, before anything is computed with it: JavaScript never holds the weights.
 */
import {
  type Bundle,
  BundleFileError,
  type BundleFiles,
  BundleStoreError,
  checkedFile,
  fileFault,
  sha256Hex,
  type Verified,
} from "../../bundle.ts";
import { type Engine, EngineError } from "../../engine.ts";
import type { ManifestFile } from "../../manifest.ts";
import { type SimdEngine, startSimdEngine } from "./engine.ts";

/**
 * Starts from the bytes that were kept of role `simd`, or from the store where that role was left unread.
 * Rejects with `SimdStartError`, `BundleFileError` for a file that is not the manifest's, or `BundleStoreError`.
 */
export async function startOnBundle(
  module: WebAssembly.Module,
  bundle: Verified<Bundle>,
): Promise<Engine> {
  const { manifest, contents, files } = bundle;
  const kept = contents.get("simd");
  if (kept !== undefined) return startSimdEngine(module, kept, manifest.budget);
  const entry = manifest.files.find(({ role }) => role === "simd");
  if (entry === undefined) throw new BundleFileError({ kind: "role_missing", role: "simd" });
  const body = files.stream === undefined ? null : await ofStore(files.stream(entry.path));
  if (body === null) {
    return startSimdEngine(module, await readWhole(files, entry), manifest.budget);
  }
  let engine: SimdEngine;
  try {
    engine = await startSimdEngine(module, body, manifest.budget);
  } catch (error) {
    // A damaged file is a fault of the bundle, not something this engine cannot run; a stream that broke off is neither.
    const whole = await readWhole(files, entry);
    if (error instanceof EngineError) throw error;
    return startSimdEngine(module, whole, manifest.budget);
  }
  const weights = engine.weights();
  const found = { bytes: weights.byteLength, sha256: await sha256Hex(weights) };
  const fault = fileFault(entry, found);
  if (fault === null) return engine;
  await engine.close();
  throw new BundleFileError(fault);
}

async function readWhole(files: BundleFiles, entry: ManifestFile): Promise<Uint8Array> {
  const bytes = await ofStore(checkedFile(files, entry));
  if (!bytes.ok) throw new BundleFileError(bytes.failure);
  return bytes.value;
}

/** Keeps the store's own failures apart from the engine's. */
async function ofStore<Value>(reading: Promise<Value>): Promise<Value> {
  try {
    return await reading;
  } catch (cause) {
    throw new BundleStoreError(cause);
  }
}
