/** What is kept of an API key: everything but its secret. */
import { z } from "zod";
import { NAME } from "./caller.ts";
import { SCOPES } from "./scopes.ts";

/** 64 random bits in hex. Not secret: it names the key in usage, lists and logs. */
export const KEY_ID = /^[0-9a-f]{16}$/;

export const KeyRecord = z.strictObject({
  schema: z.literal(1),
  id: z.string().regex(KEY_ID),
  tenant: z.string().regex(NAME),
  scopes: z.array(z.enum(SCOPES)).min(1),
  /** null: all adapters that the tenant may use. */
  adapters: z.array(z.string().regex(NAME)).min(1).nullable(),
  /** Requests a calendar month; null: no limit. */
  quota: z.int().min(0).nullable(),
  created: z.iso.datetime(),
  revoked: z.iso.datetime().nullable(),
  /** SHA-256 of the secret, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

export type KeyRecord = z.infer<typeof KeyRecord>;

/** What a new key is to be allowed. */
export const KeyWish = KeyRecord.pick({
  tenant: true,
  scopes: true,
  adapters: true,
  quota: true,
});

export type KeyWish = z.infer<typeof KeyWish>;

/** A record as it may be shown: without the hash. */
export function shownKey({ schema: _schema, hash: _hash, ...shown }: KeyRecord) {
  return shown;
}
