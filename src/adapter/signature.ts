/**
 * Ed25519 signatures of manifest and pointer (RFC 8032, by WebCrypto). The bytes that they cover are fixed by
 * docs/publishing.md and test/fixtures/signature.golden.json, which publishing in Python reproduces as well.
 */
import { z } from "zod";

/** A signature as publishing writes it. `key` hints at which key signed, and proves nothing. */
export const signatureSchema = z.strictObject({
  alg: z.literal("Ed25519"),
  key: z.string().regex(/^[0-9a-f]{16}$/),
  /** 64 bytes in base64. */
  value: z.string().regex(/^[A-Za-z0-9+/]{86}==$/),
});

export type Signature = Readonly<z.infer<typeof signatureSchema>>;

/** The file beside the manifest that holds a version's signature: one signature object. */
export const MANIFEST_SIGNATURE = "manifest.sig.json";

export type SignatureFault = "signature_missing" | "signature_invalid";

/** Raw public keys, 32 bytes each. A signature by any of them counts, so that keys can be rotated. */
export type PublicKeys = readonly [Uint8Array<ArrayBuffer>, ...Uint8Array<ArrayBuffer>[]];

/** Public keys from base64 of their 32 bytes, separated by commas; null where one is not a key. */
export function parsePublicKeys(text: string): PublicKeys | null {
  const [first, ...others] = text.split(",").map((key) => decodeBase64(key.trim()));
  const keys = [first, ...others].filter((key) => key?.byteLength === 32);
  return keys.length === others.length + 1 ? (keys as unknown as PublicKeys) : null;
}

/** What can be signed, with what the signature covers beside it. */
export type Signed =
  | { readonly kind: "manifest"; readonly bytes: Uint8Array }
  /** `pointer` without its member `signature`. The channel is covered: a canary's pointer is not valid for `stable`. */
  | {
      readonly kind: "pointer";
      readonly channel: string;
      readonly pointer: FlatOrNested & { readonly adapter: string };
    };

/** What a pointer holds: no lists, and numbers that JavaScript and Python write alike. */
interface FlatOrNested {
  readonly [member: string]: string | number | null | undefined | FlatOrNested;
}

/** The exact bytes that a signature covers. Each kind of object has its own first line. */
export function signedMessage(signed: Signed): Uint8Array<ArrayBuffer> {
  if (signed.kind === "manifest") {
    const head = new TextEncoder().encode("medadapter-manifest-v1\n");
    const message = new Uint8Array(head.byteLength + signed.bytes.byteLength);
    message.set(head);
    message.set(signed.bytes, head.byteLength);
    return message;
  }
  const { channel, pointer } = signed;
  // RFC 8785, for objects of ASCII keys: sorted by code unit, numbers as JavaScript writes them.
  const canonical = JSON.stringify(sorted(pointer));
  const text = `medadapter-pointer-v1\n${pointer.adapter}/${channel}\n${canonical}`;
  return new Uint8Array(new TextEncoder().encode(text));
}

/** Null where one of the keys made the signature. `signature` is an object as decoded from JSON, or null or undefined. */
export async function signatureFault(
  keys: PublicKeys,
  signed: Signed,
  signature: unknown,
): Promise<SignatureFault | null> {
  if (signature === undefined || signature === null) return "signature_missing";
  const parsed = signatureSchema.safeParse(signature);
  const value = parsed.success ? decodeBase64(parsed.data.value) : null;
  if (value?.byteLength !== 64) return "signature_invalid";
  const message = signedMessage(signed);
  for (const bytes of keys) {
    if (await verifies(bytes, value, message)) return null;
  }
  return "signature_invalid";
}

async function verifies(
  key: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const algorithm = { name: "Ed25519" };
  try {
    const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["verify"]);
    return await crypto.subtle.verify(algorithm, imported, signature, message);
  } catch {
    // The key's bytes are not a point of the curve.
    return false;
  }
}

function sorted(object: FlatOrNested): FlatOrNested {
  const members = Object.entries(object).sort(byKey);
  return Object.fromEntries(
    members.map(([key, value]) => [
      key,
      typeof value === "object" && value !== null ? sorted(value) : value,
    ]),
  );
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** Bytes of padded base64, or null where the text is not base64. */
function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const binary = atob(text);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
