/**
 * What R2 keeps of an adapter: bundles (`adapters/<name>/<version>/...`), pointers (`channels/<name>/<channel>.json`), and
 * the list of its versions, each with what its manifest says.
 */
import {
  type BundleFailure,
  type BundleFiles,
  type BundleStore,
  hex,
  type PointerObject,
  verifyManifest,
} from "../../adapter/bundle.ts";
import type { Manifest } from "../../adapter/manifest.ts";
import { ok, type Result } from "../../adapter/result.ts";
import type { PublicKeys } from "../../adapter/signature.ts";

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

/** The part of a manifest that is shown. */
export type ManifestSummary = Pick<Manifest, "createdAt" | "base" | "metrics">;

export interface VersionEntry {
  readonly version: string;
  readonly manifest: Result<ManifestSummary, BundleFailure>;
}

export interface VersionsOptions {
  readonly store: BundleStore;
  readonly adapter: string;
  readonly signedBy: PublicKeys | null;
  /** Names of versions, at most `most`, and whether there are more. */
  readonly names: (
    most: number,
  ) => Promise<{ readonly names: readonly string[]; readonly more: boolean }>;
}

/** Of a list of names; of those shown the manifests are read. */
const MOST_NAMES = 1_000;
const MOST_SHOWN = 20;

export class Versions {
  readonly #options: VersionsOptions;
  /** A manifest never changes: those that were good are not read again. */
  #known = new Map<string, ManifestSummary>();

  constructor(options: VersionsOptions) {
    this.#options = options;
  }

  /** The last by name first, as names are dates or numbers. Rejects when the store does. */
  async list(): Promise<{ readonly versions: readonly VersionEntry[]; readonly more: boolean }> {
    const { names, more } = await this.#options.names(MOST_NAMES);
    const shown = names.toSorted(byNumbers).slice(0, MOST_SHOWN);
    const versions: VersionEntry[] = [];
    // One after another: an isolate has six connections, and requests need them.
    for (const version of shown) {
      versions.push({ version, manifest: await this.#manifest(version) });
    }
    this.#known = new Map(
      versions.flatMap(({ version, manifest }) =>
        manifest.ok ? [[version, manifest.value] as const] : [],
      ),
    );
    return { versions, more: more || names.length > shown.length };
  }

  async #manifest(version: string): Promise<Result<ManifestSummary, BundleFailure>> {
    const known = this.#known.get(version);
    if (known !== undefined) return ok(known);
    const { store, adapter, signedBy } = this.#options;
    const files = store.open(adapter, version);
    const read = await verifyManifest(files, { expect: { adapter, version }, signedBy });
    if (!read.ok) return read;
    const { createdAt, base, metrics } = read.value;
    return ok({ createdAt, base, metrics });
  }
}

/** `2026.11.10` before `2026.11.9`. */
function byNumbers(a: string, b: string): number {
  return b.localeCompare(a, "en", { numeric: true });
}
