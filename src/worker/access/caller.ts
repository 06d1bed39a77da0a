/**
 * Who calls: what a key, a token or an open deployment says about them.
 *
 * What a key or a token may do.
 *
 * Which adapters a caller may use. One that is private to others does not exist for it.
 */

export interface Caller {
  /** Whose data and usage this is; one ledger each. */
  readonly tenant: string;
  /** Under what name usage is counted: the key's id, `token` for all tokens of a tenant, `open`. */
  readonly keyId: string;
  /** One sender among those of a `keyId`: the key's id, or a hash of a token's subject. Never a name. */
  readonly principal: string;
  readonly how: "key" | "token" | "open";
  readonly scopes: readonly Scope[];
  /** Adapters that the key is limited to; null: all that its tenant may use. */
  readonly adapters: readonly string[] | null;
  /** Requests a calendar month (UTC) for this `keyId`; null: no limit. */
  readonly quota: number | null;
}

/** Names of tenants and adapters: safe in keys, logs and object names. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** The caller of a deployment that configuration has opened to its own machine. */
export const OPEN_CALLER: Caller = {
  tenant: "local",
  keyId: "open",
  principal: "open",
  how: "open",
  scopes: ["answer", "rerank", "usage", "batch", "feedback:export"],
  adapters: null,
  quota: null,
};

export const SCOPES = [
  "answer",
  "rerank",
  "usage",
  "batch",
  "feedback:trusted",
  "feedback:export",
] as const;

/**
 * - `answer`: `/v1/answer`, `/v1/chat/completions`, and feedback on what they answered.
 * - `rerank`: `/v1/rerank`.
 * - `usage`: the usage of all keys of the tenant; without it a key sees its own, a token nothing.
 * - `batch`: `/v1/batches`, with a key those of the whole tenant.
 * - `feedback:trusted`: what this caller says of an answer counts as true in training.
 * - `feedback:export`: all stored answers of the tenant that have an outcome, readable.
 */
export type Scope = (typeof SCOPES)[number];

/** Whether `name` is a scope. */
export function isScope(name: string): name is Scope {
  return (SCOPES as readonly string[]).includes(name);
}

/** Tenants of each private adapter; an adapter that is not named is open to the deployment. */
export type AdapterTenants = ReadonlyMap<string, readonly string[]>;

/** Whether the caller may use, list and see this adapter. */
export function mayUseAdapter(caller: Caller, adapter: string, tenants: AdapterTenants): boolean {
  const named = tenants.get(adapter);
  if (named !== undefined && !named.includes(caller.tenant)) return false;
  return caller.adapters === null || caller.adapters.includes(adapter);
}
