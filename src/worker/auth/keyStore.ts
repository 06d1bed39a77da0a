/** Where key records lie: the port, and Workers KV behind it (one entry a key, `key/<id>`). */
import { KEY_ID, KeyRecord } from "./keyRecord.ts";

export interface KeyStore {
  /** The record, or null for a key that never was. */
  find(id: string): Promise<KeyRecord | null>;
  put(record: KeyRecord): Promise<void>;
  /** All records, revoked ones too, oldest first. */
  list(): Promise<KeyRecord[]>;
}

/** The part of a KV namespace that is used: a Worker's binding, or wrangler's from the command line. */
export interface KeyValues {
  get(key: string, options?: { cacheTtl: number }): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
  list(options: {
    prefix: string;
    cursor?: string | null;
  }): Promise<{ keys: { name: string }[]; list_complete: boolean; cursor?: string }>;
}

/** Seconds for which Cloudflare may serve a record from the location's own cache: the least that KV takes. */
export const KV_CACHE_SECONDS = 30;
const PREFIX = "key/";

/** A key store on a KV namespace. Records that this version cannot read count as absent. */
export function kvKeyStore(values: KeyValues): KeyStore {
  const read = async (name: string) => {
    const text = await values.get(name, { cacheTtl: KV_CACHE_SECONDS });
    return text === null ? null : readRecord(text);
  };
  return {
    find: (id) => (KEY_ID.test(id) ? read(`${PREFIX}${id}`) : Promise.resolve(null)),
    put: (record) => values.put(`${PREFIX}${record.id}`, JSON.stringify(record)),
    list: async () => {
      const records: KeyRecord[] = [];
      let cursor: string | null = null;
      do {
        const page = await values.list({ prefix: PREFIX, cursor });
        for (const { name } of page.keys) {
          const record = await read(name);
          if (record !== null) records.push(record);
        }
        cursor = page.list_complete ? null : (page.cursor ?? null);
      } while (cursor !== null);
      return records.sort((a, b) => a.created.localeCompare(b.created));
    },
  };
}

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
