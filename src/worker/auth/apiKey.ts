/**
 * API keys: `ma_<key id>_<secret>`. The secret has 256 random bits, so that one SHA-256 of it can be stored safely
 * (nothing to guess, no salt needed); the prefix lets secret scanners find keys that leaked. Runs in Node too.
 */
import { KEY_ID, type KeyRecord, type KeyWish } from "./keyRecord.ts";

/** A key in its parts. */
export interface ParsedKey {
  readonly id: string;
  /** 43 characters of base64url. */
  readonly secret: string;
}

const FORM = /^ma_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

/**
 * A new key and what is to be stored of it. The key itself is to be shown once and forgotten.
 * @param now time of creation
 */
export async function makeKey(
  wish: KeyWish,
  now: Date,
): Promise<{ readonly key: string; readonly record: KeyRecord }> {
  const id = hex(crypto.getRandomValues(new Uint8Array(8)));
  const secret = base64Url(crypto.getRandomValues(new Uint8Array(32)));
  const record: KeyRecord = {
    schema: 1,
    id,
    ...wish,
    created: now.toISOString(),
    revoked: null,
    hash: hex(await hashSecret(secret)),
  };
  return { key: `ma_${id}_${secret}`, record };
}

/** The key's parts, or null for what is no key. */
export function parseKey(text: string): ParsedKey | null {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id !== undefined && secret !== undefined && KEY_ID.test(id) ? { id, secret } : null;
}

/** SHA-256 of a secret's text, 32 bytes. */
export async function hashSecret(secret: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of a hex text of even length. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function base64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
