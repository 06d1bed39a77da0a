/** Who calls: what a key, a token or an open deployment says about them. */
import type { Scope } from "./scopes.ts";

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
