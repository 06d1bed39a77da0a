/**
 * Encryption of what is kept for a caller, and keyed hashes of what must be recognised but not kept. Keys are derived
 * for each tenant from a Worker secret (HKDF, RFC 5869): the Durable Object's storage alone reveals nothing.
 */

const IV_BYTES = 12;
const utf8 = new TextEncoder();

export interface Sealer {
  /** AES-256-GCM: 12 bytes of nonce, then the ciphertext. `about` is bound to it, not hidden in it. */
  seal(bytes: Uint8Array, about: string): Promise<Uint8Array>;
  /** The bytes, or null where key, `about` or a single bit differ. */
  open(sealed: Uint8Array, about: string): Promise<Uint8Array | null>;
  /** HMAC-SHA-256 of the parts, hex. Their borders count. */
  mac(...parts: readonly (string | Uint8Array)[]): Promise<string>;
}

/**
 * @param secret the Worker's CONTENT_SECRET
 * @param purpose keys of different purposes have nothing in common
 */
export async function sealerFor(secret: string, tenant: string, purpose: string): Promise<Sealer> {
  const base = await crypto.subtle.importKey("raw", utf8.encode(secret), "HKDF", false, [
    "deriveKey",
  ]);
  const derive = (use: string) => ({
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: utf8.encode(`medadapter/1/${purpose}/${use}/${tenant}`),
  });
  const [sealKey, macKey] = await Promise.all([
    crypto.subtle.deriveKey(derive("seal"), base, { name: "AES-GCM", length: 256 }, false, [
      "encrypt",
      "decrypt",
    ]),
    crypto.subtle.deriveKey(
      derive("mac"),
      base,
      { name: "HMAC", hash: "SHA-256", length: 256 },
      false,
      ["sign"],
    ),
  ]);
  return {
    seal: async (bytes, about) => {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
      const how = { name: "AES-GCM", iv, additionalData: utf8.encode(about) };
      const text = new Uint8Array(await crypto.subtle.encrypt(how, sealKey, bytes));
      const sealed = new Uint8Array(IV_BYTES + text.length);
      sealed.set(iv);
      sealed.set(text, IV_BYTES);
      return sealed;
    },
    open: async (sealed, about) => {
      const iv = sealed.slice(0, IV_BYTES);
      const how = { name: "AES-GCM", iv, additionalData: utf8.encode(about) };
      try {
        return new Uint8Array(await crypto.subtle.decrypt(how, sealKey, sealed.slice(IV_BYTES)));
      } catch {
        return null;
      }
    },
    mac: async (...parts) => {
      const digests = await Promise.all(parts.map(digest));
      const whole = utf8.encode(digests.join("\n"));
      return hex(new Uint8Array(await crypto.subtle.sign("HMAC", macKey, whole)));
    },
  };
}

async function digest(part: string | Uint8Array): Promise<string> {
  const bytes = typeof part === "string" ? utf8.encode(part) : part;
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** In hexadecimal, lower case. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of a hex text of even length. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
