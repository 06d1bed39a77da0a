/** Bundles and pointers in R2: `adapters/<name>/<version>/...` and `channels/<name>/<channel>.json`. */
import {
  type BundleFiles,
  type BundleStore,
  hex,
  type PointerObject,
} from "../../adapter/bundle.ts";

/** A BundleStore over an R2 bucket. Strongly consistent: a pointer never shows before the files put before it. */
export function r2BundleStore(bucket: R2Bucket): BundleStore {
  return {
    async pointer(adapter, channel, knownEtag): Promise<PointerObject> {
      const key = `channels/${adapter}/${channel}.json`;
      const condition = knownEtag === null ? {} : { onlyIf: { etagDoesNotMatch: knownEtag } };
      const found: R2ObjectBody | R2Object | null = await bucket.get(key, condition);
      if (found === null) return { kind: "absent" };
      if (!hasBody(found)) return { kind: "unchanged" };
      return { kind: "found", bytes: new Uint8Array(await found.arrayBuffer()), etag: found.etag };
    },

    open(adapter, version): BundleFiles {
      return {
        async read(path) {
          const found = await bucket.get(`adapters/${adapter}/${version}/${path}`);
          return found === null ? null : new Uint8Array(await found.arrayBuffer());
        },
        async stream(path) {
          return (await bucket.get(`adapters/${adapter}/${version}/${path}`))?.body ?? null;
        },
        async digest(path) {
          const found = await bucket.get(`adapters/${adapter}/${version}/${path}`);
          if (found === null) return null;
          // The runtime hashes while it reads; nothing of the file reaches JavaScript.
          const digest = new crypto.DigestStream("SHA-256");
          // Where the body breaks off `pipeTo` says so; nobody asks for the digest then.
          digest.digest.catch(() => {});
          await found.body.pipeTo(digest);
          return { bytes: found.size, sha256: hex(await digest.digest) };
        },
      };
    },
  };
}

/** Names of an adapter's versions, whole or not; at most `most` (R2 gives 1,000 at a time). */
export async function listVersions(
  bucket: R2Bucket,
  adapter: string,
  most: number,
): Promise<{ names: string[]; more: boolean }> {
  const prefix = `adapters/${adapter}/`;
  const listed = await bucket.list({ prefix, delimiter: "/", limit: most });
  const names = listed.delimitedPrefixes.map((folder) => folder.slice(prefix.length, -1));
  return { names, more: listed.truncated };
}

/** R2 answers a failed condition with the object but no body. */
function hasBody(object: R2ObjectBody | R2Object): object is R2ObjectBody {
  return "body" in object;
}
