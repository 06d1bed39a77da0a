/**
 * API keys: `ma_<key id>_<secret>`. The secret has 256 random bits, so its plain SHA-256 is safe to store: nobody can
 * guess it, and it needs no salt. The secret itself is not stored. The prefix lets secret scanners find leaked keys. This
 * runs in Node too, except for the comparisons in constant time: `timingSafeEqual` is workerd's.
 */
import { z } from "zod";
import { DECIMAL_MONEY, readMoney } from "../../net/money.ts";
import { fromHex, hex } from "../http/seal.ts";
import { type Caller, LLM_NAME, NAME, type Scope } from "./caller.ts";

/** A key in its parts. */
export interface ParsedKey {
  readonly id: string;
  /** 43 characters of base64url. */
  readonly secret: string;
}

const FORM = /^ma_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

/**
 * A new key, and its record to be stored. Show the key once and forget it.
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

/** The key's parts; null if the text is not a key. */
export function parseKey(text: string): ParsedKey | null {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id !== undefined && secret !== undefined && KEY_ID.test(id) ? { id, secret } : null;
}

/** SHA-256 of a secret's text, 32 bytes. */
export async function hashSecret(secret: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
}

function base64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/={1,2}$/, "");
}

/** 64 random bits in hex. Not secret: it names the key in usage, lists and logs. */
export const KEY_ID = /^[0-9a-f]{16}$/;

/** The name of a scope. A scope that this deployment does not have grants nothing, because no route asks for it. */
const ScopeName = z
  .string()
  .regex(/^[a-z:]{1,64}$/)
  .transform((name) => name as Scope);

const LlmWords = z.array(z.string().regex(LLM_NAME)).max(64);
const CapText = z.string().regex(DECIMAL_MONEY);

export const KeyRecord = z.strictObject({
  schema: z.literal(1),
  id: z.string().regex(KEY_ID),
  tenant: z.string().regex(NAME),
  scopes: z.array(ScopeName).min(1),
  /** null: all adapters that the tenant may use. */
  adapters: z.array(z.string().regex(NAME)).min(1).nullable(),
  /** Requests a calendar month; null: no limit. */
  quota: z.int().min(0).nullable(),
  created: z.iso.datetime(),
  revoked: z.iso.datetime().nullable(),
  /** SHA-256 of the secret, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  // What follows came later: absent in older records, and in those of keys that have none of it.
  /** Names or tags of LLMs that alone may be asked; null: all. */
  llms: LlmWords.min(1).nullable().optional(),
  /** Names or tags of LLMs that must not be asked. */
  forbid_llms: LlmWords.optional(),
  /** Decimal money that may be spent in a day, in UTC; null: no cap. */
  spend_day: CapText.nullable().optional(),
  /** In a calendar month. */
  spend_month: CapText.nullable().optional(),
});

export type KeyRecord = z.infer<typeof KeyRecord>;

/** What a new key may do. */
export const KeyWish = KeyRecord.pick({
  tenant: true,
  scopes: true,
  adapters: true,
  quota: true,
  llms: true,
  forbid_llms: true,
  spend_day: true,
  spend_month: true,
});

export type KeyWish = z.infer<typeof KeyWish>;

/** The part of a record that may be shown: all but the hash. */
export function shownKey({ schema: _schema, hash: _hash, ...shown }: KeyRecord) {
  const { llms = null, forbid_llms = [], spend_day = null, spend_month = null } = shown;
  return { ...shown, llms, forbid_llms, spend_day, spend_month };
}

/** What a key bounds of LLMs and money. */
export function limitsOf(
  record: Pick<KeyRecord, "llms" | "forbid_llms" | "spend_day" | "spend_month">,
): Pick<Caller, "llms" | "forbidLlms" | "spend"> {
  const micros = (text: string | null | undefined) => (text == null ? null : readMoney(text));
  return {
    llms: record.llms ?? null,
    forbidLlms: record.forbid_llms ?? [],
    spend: { day: micros(record.spend_day), month: micros(record.spend_month) },
  };
}

/** Whether `secret` is the one with this SHA-256 (hex). */
export async function isSecretOf(secret: string, hash: string): Promise<boolean> {
  const [given, wanted] = [await hashSecret(secret), fromHex(hash)];
  return given.byteLength === wanted.byteLength && crypto.subtle.timingSafeEqual(given, wanted);
}

/** Whether two texts are the same. They are hashed first, so that the time does not even tell their lengths. */
export async function isSameText(given: string, wanted: string): Promise<boolean> {
  return crypto.subtle.timingSafeEqual(await hashSecret(given), await hashSecret(wanted));
}
