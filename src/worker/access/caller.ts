/** Who calls, what a key, a token or an open deployment lets them do, and which adapters they may use. */

export interface Caller {
  /** Whose data and usage this is; one ledger each. */
  readonly tenant: string;
  /** The name that usage is counted under: the key's id, `token` for all tokens of a tenant, or `open`. */
  readonly keyId: string;
  /** Who sends, within a `keyId`: the key's id, or a hash of a token's subject. Never a name. */
  readonly principal: string;
  readonly how: "key" | "token" | "open";
  readonly scopes: readonly Scope[];
  /** Adapters that the key is limited to; null: all that its tenant may use. */
  readonly adapters: readonly string[] | null;
  /** Names or tags of LLMs that alone may be asked for this caller; null or absent: all. */
  readonly llms?: readonly string[] | null;
  /** Names or tags of LLMs that must not be asked for this caller. */
  readonly forbidLlms?: readonly string[];
  /** Requests a calendar month (UTC) for this `keyId`; null: no limit. */
  readonly quota: number | null;
  /** Caps on what the key, or a token's user, may spend; absent: none. */
  readonly spend?: SpendLimits;
}

/** Money that may be spent in a day and in a calendar month (UTC), in micro-units; null: no cap. */
export interface SpendLimits {
  readonly day: number | null;
  readonly month: number | null;
}

/** Names of LLMs, plans and tags. A model's own name fits too. */
export const LLM_NAME = /^[A-Za-z0-9@][A-Za-z0-9@/._:-]{0,127}$/u;

/** Names of tenants and adapters: safe in keys, logs and object names. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * What a key or a token may do. A feature declares its scopes beside its routes, and lists them in its `Feature`.
 *
 * - `answer`: `/v1/answer`, `/v1/chat/completions`, and feedback on what they answered.
 * - `rerank`: `/v1/rerank`.
 * - `usage`: the usage of all keys of the tenant; without it a key sees its own usage, and a token none.
 */
export interface Scopes {
  answer: true;
  rerank: true;
  usage: true;
}
export type Scope = keyof Scopes;

/** The scopes that are declared here. */
export const CORE_SCOPES = ["answer", "rerank", "usage"] as const satisfies readonly Scope[];

/** The caller of a deployment that is open on localhost. */
export function openCaller(scopes: readonly Scope[]): Caller {
  return {
    tenant: "local",
    keyId: "open",
    principal: "open",
    how: "open",
    scopes,
    adapters: null,
    quota: null,
  };
}

/** Tenants of each private adapter; an adapter that is not named is open to the deployment. */
export type AdapterTenants = ReadonlyMap<string, readonly string[]>;

/** Whether the caller may use, list and see this adapter. One that is private to others does not exist for it. */
export function mayUseAdapter(caller: Caller, adapter: string, tenants: AdapterTenants): boolean {
  const named = tenants.get(adapter);
  if (named !== undefined && !named.includes(caller.tenant)) return false;
  return caller.adapters === null || caller.adapters.includes(adapter);
}

/** Whether an LLM may be asked for the caller. @param tags the LLM's own, such as its region */
export function mayUseLlm(
  { llms, forbidLlms = [] }: Pick<Caller, "llms" | "forbidLlms">,
  name: string,
  tags: readonly string[],
): boolean {
  const isMeant = (word: string) => word === name || tags.includes(word);
  return !forbidLlms.some(isMeant) && (llms == null || llms.some(isMeant));
}
