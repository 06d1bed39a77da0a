/** Copies of a real bundle with one thing changed. */
import type { BundleFiles } from "../../../src/adapter/bundle.ts";
import type { Manifest } from "../../../src/adapter/manifest.ts";
import { memoryBundle } from "../memoryBundleStore.ts";

export type Files = Map<string, Uint8Array>;

/** Every file of a bundle, the manifest among them. */
export async function readAll(bundle: BundleFiles): Promise<Files> {
  const manifestBytes = await bundle.read("manifest.json");
  if (manifestBytes === null) throw new Error("no manifest: is there a bundle?");
  const files: Files = new Map([["manifest.json", manifestBytes]]);
  for (const { path } of manifestOf(files).files) {
    const bytes = await bundle.read(path);
    if (bytes !== null) files.set(path, bytes);
  }
  return files;
}

export function manifestOf(files: Files): Manifest {
  const bytes = files.get("manifest.json");
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** With one file's bytes replaced (null: removed). */
export function withFile(files: Files, path: string, bytes: Uint8Array | null): Files {
  const copy = new Map(files);
  if (bytes === null) copy.delete(path);
  else copy.set(path, bytes);
  return copy;
}

/** With the manifest's JSON changed in any way. */
export function withManifest(files: Files, change: (json: Record<string, unknown>) => void): Files {
  const json: Record<string, unknown> = structuredClone(manifestOf(files));
  change(json);
  return withFile(files, "manifest.json", new TextEncoder().encode(JSON.stringify(json)));
}

/** With one file's bytes replaced and its entry in the manifest made to fit: damage that no hash shows. */
export async function withRehashed(files: Files, path: string, bytes: Uint8Array): Promise<Files> {
  const digest = await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  const sha256 = hex.join("");
  return withFile(
    withManifest(files, (json) => {
      const entries = json.files as { path: string; bytes: number; sha256: string }[];
      const entry = entries.find((candidate) => candidate.path === path);
      if (entry !== undefined) Object.assign(entry, { bytes: bytes.byteLength, sha256 });
    }),
    path,
    bytes,
  );
}

/** A copy with one bit turned over. */
export function bitFlipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

export function asBundle(files: Files): BundleFiles {
  return memoryBundle(files);
}
