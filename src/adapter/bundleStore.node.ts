/**
 * Bundles and pointers in a folder, laid out as in R2: `adapters/<name>/<version>/...` and
 * `channels/<name>/<channel>.json`. A single bundle, such as models/mini, is read with `bundleFolder`.
 */
import { createHash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BundleFiles, BundleStore, PointerObject } from "./bundle.ts";

/** The files of one bundle's folder. */
export function bundleFolder(folder: string): BundleFiles {
  return {
    read: (path) => readOrNull(join(folder, path)),
    stream: (path) => orNull(() => streamOf(join(folder, path))),
  };
}

/** A store over a folder. The etag of a pointer is the SHA-256 of its bytes. */
export function folderBundleStore(root: string): BundleStore {
  return {
    async pointer(adapter, channel, knownEtag): Promise<PointerObject> {
      const bytes = await readOrNull(join(root, "channels", adapter, `${channel}.json`));
      if (bytes === null) return { kind: "absent" };
      const etag = createHash("sha256").update(bytes).digest("hex");
      return etag === knownEtag ? { kind: "unchanged" } : { kind: "found", bytes, etag };
    },
    open: (adapter, version) => bundleFolder(join(root, "adapters", adapter, version)),
  };
}

function readOrNull(path: string): Promise<Uint8Array | null> {
  return orNull(() => readFile(path));
}

async function streamOf(path: string): Promise<ReadableStream<Uint8Array>> {
  const file = await open(path);
  return file.readableWebStream({ autoClose: true }) as ReadableStream<Uint8Array>;
}

/** Null where there is no such file. */
async function orNull<Value>(read: () => Promise<Value>): Promise<Value | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
