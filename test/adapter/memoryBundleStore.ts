/** Bundles and pointers in memory, by the keys that R2 uses. For tests, and wherever a bundle is made on the spot. */
import type { BundleFiles, BundleStore, PointerObject } from "../../src/adapter/bundle.ts";

/** The files of one bundle from a map of names to bytes. */
export function memoryBundle(files: ReadonlyMap<string, Uint8Array>): BundleFiles {
  return { read: (path) => Promise.resolve(files.get(path) ?? null) };
}

/** A store over a map of keys to bytes, read anew at each call. The etag of a pointer is its text. */
export function memoryBundleStore(objects: ReadonlyMap<string, Uint8Array>): BundleStore {
  return {
    async pointer(adapter, channel, knownEtag): Promise<PointerObject> {
      const bytes = objects.get(`channels/${adapter}/${channel}.json`);
      if (bytes === undefined) return { kind: "absent" };
      const etag = Array.from(bytes).join();
      return etag === knownEtag ? { kind: "unchanged" } : { kind: "found", bytes, etag };
    },
    open: (adapter, version) => ({
      read: async (path) => objects.get(`adapters/${adapter}/${version}/${path}`) ?? null,
    }),
  };
}
