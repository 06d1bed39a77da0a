/**
 * Key records as an isolate remembers them, so that a request does not wait for KV. With KV's own cache of 30 s a
 * revocation holds everywhere within 50 s of its write.
 */
import type { KeyRecord } from "./keyRecord.ts";
import type { KeyStore } from "./keyStore.ts";

/** Milliseconds for which a record is believed without a look at the store. */
export const KEY_CACHE_MS = 20_000;
const MAX_REMEMBERED = 1_000;

export class KeyCache {
  readonly #store: KeyStore;
  readonly #remembered = new Map<string, { readonly record: KeyRecord; readonly at: number }>();

  constructor(store: KeyStore) {
    this.#store = store;
  }

  /** The record of a key; null for one that never was. Throws what the store throws. */
  async find(id: string): Promise<KeyRecord | null> {
    const known = this.#remembered.get(id);
    if (known !== undefined && Date.now() - known.at < KEY_CACHE_MS) return known.record;
    const at = Date.now();
    const record = await this.#store.find(id);
    this.#remembered.delete(id);
    // Absent ones are not remembered: a new key works at once, and made-up ids take no place.
    if (record !== null) this.#remembered.set(id, { record, at });
    if (this.#remembered.size > MAX_REMEMBERED) this.#forgetOldest();
    return record;
  }

  #forgetOldest(): void {
    const oldest = this.#remembered.keys().next().value;
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }
}
