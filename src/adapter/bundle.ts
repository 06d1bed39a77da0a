/**
 * An adapter bundle: an immutable folder whose manifest names every file with its size and SHA-256.
 * Nothing reads a bundle before `verifyBundle` has turned it into a `Verified<Bundle>`.
 */
import {
  type FileRole,
  type Manifest,
  type ManifestFailure,
  type ManifestFile,
  parseManifest,
} from "./manifest.ts";
import { fail, ok, type Result } from "./result.ts";
import {
  MANIFEST_SIGNATURE,
  type PublicKeys,
  type SignatureFault,
  signatureFault,
} from "./signature.ts";

/** The files of one stored version, unchecked. */
export interface BundleFiles {
  /** Bytes of the file beside the manifest, or null where there is none. Rejects when the store is down. */
  read(path: string): Promise<Uint8Array | null>;
  /** The same bytes as a stream, where the store can, so that a large file is not held twice. */
  stream?(path: string): Promise<ReadableStream<Uint8Array> | null>;
  /** Size and SHA-256 (hexadecimal) of a file, where the store can compute them without holding all bytes. */
  digest?(path: string): Promise<{ readonly bytes: number; readonly sha256: string } | null>;
}

/** Result of reading a channel's pointer, conditionally on its etag. */
export type PointerObject =
  | { readonly kind: "found"; readonly bytes: Uint8Array; readonly etag: string }
  | { readonly kind: "unchanged" }
  | { readonly kind: "absent" };

/** Where bundles and pointers are stored: R2 in the Worker, a folder in Node, memory in tests. */
export interface BundleStore {
  /** The pointer of `channels/<adapter>/<channel>.json`; `unchanged` where it still has `knownEtag`. */
  pointer(adapter: string, channel: string, knownEtag: string | null): Promise<PointerObject>;
  /** The files of `adapters/<adapter>/<version>/`. Missing files show when they are read. */
  open(adapter: string, version: string): BundleFiles;
}

declare const verified: unique symbol;

/** A value that has passed the check named after it; only that check can make one. */
export type Verified<Value> = Value & { readonly [verified]: true };

/** A manifest and the bytes of those of its files that were asked for. */
export interface Bundle {
  readonly manifest: Manifest;
  /** By role; only the roles that `verifyBundle` was told to keep. */
  readonly contents: ReadonlyMap<FileRole, Uint8Array<ArrayBuffer>>;
  /** Reads the files that `verifyBundle` left unread. They are unchecked: see `checkedFile`. */
  readonly files: BundleFiles;
}

export type BundleFailure =
  | { readonly kind: "manifest_missing" }
  | { readonly kind: SignatureFault; readonly path: typeof MANIFEST_SIGNATURE }
  | ManifestFailure
  /** The manifest belongs to another adapter or version than the one asked for. */
  | { readonly kind: "identity_mismatch"; readonly field: "name" | "version" }
  | { readonly kind: "file_missing"; readonly path: string }
  | { readonly kind: "size_mismatch"; readonly path: string }
  | { readonly kind: "hash_mismatch"; readonly path: string }
  /** A role that the engine needs is not in the bundle. */
  | { readonly kind: "role_missing"; readonly role: FileRole };

/** An engine read a file that is not the one that the manifest names. */
export class BundleFileError extends Error {
  readonly failure: BundleFailure;

  constructor(failure: BundleFailure) {
    super(`bundle refused: ${failure.kind}`);
    this.name = "BundleFileError";
    this.failure = failure;
  }
}

/** The store failed, not the bundle. A later try may succeed. */
export class BundleStoreError extends Error {
  constructor(cause: unknown) {
    super("the bundle's store failed", { cause });
    this.name = "BundleStoreError";
  }
}

export interface VerifyOptions {
  /** Refuse a manifest that names another adapter or version. */
  readonly expect?: { readonly adapter: string; readonly version: string };
  /** The roles whose bytes to keep. Every file is checked; bytes of other roles are dropped at once to spare memory. */
  readonly keep: readonly FileRole[];
  /** The roles that the engine reads and checks itself, as a stream. None by default. */
  readonly leave?: readonly FileRole[];
  /** Refuse a manifest that none of these keys signed, before anything in it is read. */
  readonly signedBy?: PublicKeys | null;
}

/**
 * Reads the manifest, then every file in turn, and compares sizes and SHA-256 (WebCrypto).
 * Files that the manifest does not name are ignored. Rejects only when the store does.
 */
export async function verifyBundle(
  files: BundleFiles,
  options: VerifyOptions,
): Promise<Result<Verified<Bundle>, BundleFailure>> {
  const { keep, leave = [] } = options;
  const read = await verifyManifest(files, options);
  if (!read.ok) return read;
  const manifest = read.value;
  const contents = new Map<FileRole, Uint8Array<ArrayBuffer>>();
  for (const entry of manifest.files) {
    if (leave.includes(entry.role)) continue;
    if (!keep.includes(entry.role) && files.digest !== undefined) {
      const fault = fileFault(entry, await files.digest(entry.path));
      if (fault !== null) return fail(fault);
      continue;
    }
    const bytes = await checkedFile(files, entry);
    if (!bytes.ok) return bytes;
    if (keep.includes(entry.role)) contents.set(entry.role, bytes.value);
  }
  const missing = keep.find((role) => !contents.has(role));
  if (missing !== undefined) return fail({ kind: "role_missing", role: missing });
  const bundle: Bundle = { manifest, contents, files };
  return ok(bundle as Verified<Bundle>);
}

/** The manifest alone, if its signature, name and version are as expected. Rejects only when the store does. */
export async function verifyManifest(
  files: BundleFiles,
  { expect, signedBy }: Pick<VerifyOptions, "expect" | "signedBy">,
): Promise<Result<Manifest, BundleFailure>> {
  const bytes = await signedManifest(files, signedBy ?? null);
  if (!bytes.ok) return bytes;
  const parsed = parseManifest(bytes.value);
  if (!parsed.ok) return parsed;
  const { name, version } = parsed.value;
  if (expect !== undefined && name !== expect.adapter) {
    return fail({ kind: "identity_mismatch", field: "name" });
  }
  if (expect !== undefined && version !== expect.version) {
    return fail({ kind: "identity_mismatch", field: "version" });
  }
  return parsed;
}

/** The bytes of a version's manifest, if they are signed as they must be. Rejects only when the store does. */
export async function signedManifest(
  files: BundleFiles,
  signedBy: PublicKeys | null,
): Promise<Result<Uint8Array, BundleFailure>> {
  const bytes = await files.read("manifest.json");
  if (bytes === null) return fail({ kind: "manifest_missing" });
  const unsigned = signedBy && (await manifestSignatureFault(files, bytes, signedBy));
  return unsigned ? fail({ kind: unsigned, path: MANIFEST_SIGNATURE }) : ok(bytes);
}

/** A file's bytes, if size and hash are those in the manifest. */
export async function checkedFile(
  files: BundleFiles,
  entry: ManifestFile,
): Promise<Result<Uint8Array<ArrayBuffer>, BundleFailure>> {
  const read = await files.read(entry.path);
  const bytes = read && ownBuffer(read);
  const fault = fileFault(
    entry,
    bytes && { bytes: bytes.byteLength, sha256: await sha256Hex(bytes) },
  );
  return fault === null ? ok(bytes as Uint8Array<ArrayBuffer>) : fail(fault);
}

/** What is wrong with a file, by its size and hash; null: nothing. */
export function fileFault(
  { path, bytes, sha256 }: ManifestFile,
  found: { readonly bytes: number; readonly sha256: string } | null,
): BundleFailure | null {
  if (found === null) return { kind: "file_missing", path };
  if (found.bytes !== bytes) return { kind: "size_mismatch", path };
  return found.sha256 === sha256 ? null : { kind: "hash_mismatch", path };
}

async function manifestSignatureFault(
  files: BundleFiles,
  manifest: Uint8Array,
  keys: PublicKeys,
): Promise<SignatureFault | null> {
  const read = await files.read(MANIFEST_SIGNATURE);
  if (read === null) return "signature_missing";
  let signature: unknown;
  try {
    signature = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(read),
    );
  } catch {
    return "signature_invalid";
  }
  const fault = await signatureFault(keys, { kind: "manifest", bytes: manifest }, signature);
  return fault === null ? null : "signature_invalid";
}

/** The bytes of a role that `verifyBundle` was told to keep. Throws for any other role: a fault of the program. */
export function contentOf(bundle: Verified<Bundle>, role: FileRole): Uint8Array<ArrayBuffer> {
  const bytes = bundle.contents.get(role);
  if (bytes === undefined) throw new Error(`bundle was verified without keeping role ${role}`);
  return bytes;
}

/** WebCrypto takes no view of shared memory. Stores never give one, so this copies nothing in practice. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes);
}

/** In hexadecimal, as manifests have it. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", bytes));
}

export function hex(digest: ArrayBuffer): string {
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
