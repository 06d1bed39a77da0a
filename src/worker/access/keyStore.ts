/**
 * Where key records are stored: the port, and Workers KV behind it (one entry for each key, `key/<id>`). An isolate
 * remembers records for 20 s, so most requests do not wait for KV. KV's own cache adds 30 s, so a revoked key is refused
 * everywhere within 50 s.
 */

import { KEY_ID, KeyRecord } from "./keys.ts";

export interface KeyStore {
  /** The record, or null for a key that never was. */
  find(id: string): Promise<KeyRecord | null>;
  put(record: KeyRecord): Promise<void>;
  /** At most `limit` records, revoked ones too, in no particular order. Rejects if no page has this cursor. */
  page(limit: number, cursor: string | null): Promise<KeyPage>;
  /** All records, oldest first. For the command line alone: a request may read a thousand entries of KV at most. */
  list(): Promise<KeyRecord[]>;
}

export interface KeyPage {
  readonly records: KeyRecord[];
  /** Where the next page begins; null: there is none. */
  readonly next: string | null;
}

/** What we use of a KV namespace. Behind it is a Worker's binding, or wrangler's on the command line. */
export interface KeyValues {
  get(key: string, options?: { cacheTtl: number }): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
  list(options: {
    prefix: string;
    cursor?: string | null;
    limit?: number;
  }): Promise<{ keys: { name: string }[]; list_complete: boolean; cursor?: string }>;
}

/** Seconds for which Cloudflare may serve a record from a location's cache. KV takes no less. */
export const KV_CACHE_SECONDS = 30;
const PREFIX = "key/";
/** Entries that are read at the same time. */
const AT_ONCE = 20;
/** The most entries that one call of KV lists. */
const MOST_LISTED = 1_000;

/** A key store on a KV namespace. Records that this version cannot read count as absent. */
export function kvKeyStore(values: KeyValues): KeyStore {
  const read = async (name: string) => {
    const text = await values.get(name, { cacheTtl: KV_CACHE_SECONDS });
    return text === null ? null : readRecord(text);
  };
  const page = async (limit: number, cursor: string | null): Promise<KeyPage> => {
    const listed = await values.list({ prefix: PREFIX, cursor, limit });
    const records: KeyRecord[] = [];
    for (let at = 0; at < listed.keys.length; at += AT_ONCE) {
      const names = listed.keys.slice(at, at + AT_ONCE).map(({ name }) => name);
      const found = await Promise.all(names.map(read));
      records.push(...found.filter((record) => record !== null));
    }
    return {
      records: records.sort(byAge),
      next: listed.list_complete ? null : (listed.cursor ?? null),
    };
  };
  return {
    find: (id) => (KEY_ID.test(id) ? read(`${PREFIX}${id}`) : Promise.resolve(null)),
    put: (record) => values.put(`${PREFIX}${record.id}`, JSON.stringify(record)),
    page,
    list: async () => {
      const records: KeyRecord[] = [];
      let cursor: string | null = null;
      do {
        const found: KeyPage = await page(MOST_LISTED, cursor);
        records.push(...found.records);
        cursor = found.next;
      } while (cursor !== null);
      return records.sort(byAge);
    },
  };
}

const byAge = (a: KeyRecord, b: KeyRecord) => a.created.localeCompare(b.created);

function readRecord(text: string): KeyRecord | null {
  try {
    return KeyRecord.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Revokes a key; null where there is none. Revoking twice keeps the first time. */
export async function revokeKey(store: KeyStore, id: string, now: Date): Promise<KeyRecord | null> {
  const record = await store.find(id);
  if (record === null || record.revoked !== null) return record;
  const revoked = { ...record, revoked: now.toISOString() };
  await store.put(revoked);
  return revoked;
}

/** Milliseconds for which a record is used without asking the store. */
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
    // We do not remember that a key is absent. So a new key works at once, and made-up ids take no memory.
    if (record !== null) this.#remembered.set(id, { record, at });
    if (this.#remembered.size > MAX_REMEMBERED) this.#forgetOldest();
    return record;
  }

  #forgetOldest(): void {
    const oldest = this.#remembered.keys().next().value;
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }
}
