/** What a token's claims say of its user: tenant, scopes, money, LLMs. The token itself was verified before (tokens.ts). */
import { z } from "zod";
import { readMoney } from "../../net/money.ts";
import { hex } from "../http/seal.ts";
import { type Caller, LLM_NAME, NAME, type Scope, type SpendLimits } from "./caller.ts";
import { hashSecret } from "./keys.ts";

export interface ClaimRules {
  readonly tenantClaim: string;
  readonly scopeClaim: string;
  /** Requests a month of all tokens of a tenant together; null: no limit. */
  readonly quota: number | null;
  /** The scopes that a claim may name. Others are ignored. */
  readonly scopes: readonly Scope[];
  /** What each user may spend, where no claim says otherwise. */
  readonly spend: SpendLimits;
  /** Claims that say it for one user; null: none is read. */
  readonly spendClaims: { readonly day: string | null; readonly month: string | null };
  /** Claims with LLMs that alone may be asked for the user, and with those that must not be; null: none is read. */
  readonly llmClaims: { readonly allow: string | null; readonly forbid: string | null };
}

export type ClaimName = "sub" | "tenant" | "scope" | "spend" | "llms";
type Payload = Readonly<Record<string, unknown>>;
const LlmWords = z.array(z.string().regex(LLM_NAME)).max(64);

/** The caller that a good token's claims name; or the first claim that is missing or not valid. */
export async function readClaims(payload: Payload, rules: ClaimRules): Promise<Caller | ClaimName> {
  const { sub, [rules.tenantClaim]: tenant, [rules.scopeClaim]: scope } = payload;
  if (typeof sub !== "string" || sub === "") return "sub";
  if (typeof tenant !== "string" || !NAME.test(tenant)) return "tenant";
  const scopes = scopesOf(scope, rules.scopes);
  if (scopes === null) return "scope";
  const principal = `token-${hex(await hashSecret(`${tenant}\n${sub}`)).slice(0, 32)}`;
  const spend = spendOf(payload, rules);
  if (spend === null) return "spend";
  const bounds = llmsOf(payload, rules.llmClaims);
  if (bounds === null) return "llms";
  const { quota } = rules;
  return {
    ...{ tenant, keyId: "token", principal, how: "token", scopes, adapters: null, quota },
    ...bounds,
    spend,
  };
}

/** Decimal money, as a text or a number. An absent claim leaves the deployment's cap. Null: a claim is not valid. */
function spendOf(payload: Payload, { spend, spendClaims }: ClaimRules): SpendLimits | null {
  const read = (period: "day" | "month") => {
    const claim = spendClaims[period];
    const value = claim === null ? undefined : payload[claim];
    if (value === undefined) return { micros: spend[period] };
    const micros =
      typeof value === "string" || typeof value === "number" ? readMoney(String(value)) : null;
    return micros === null ? null : { micros };
  };
  const [day, month] = [read("day"), read("month")];
  return day === null || month === null ? null : { day: day.micros, month: month.micros };
}

/** Names or tags, as a list or as one text with spaces. Null: a claim is not valid, and nothing may be taken for no bound. */
function llmsOf(
  payload: Payload,
  { allow, forbid }: ClaimRules["llmClaims"],
): Pick<Caller, "llms" | "forbidLlms"> | null {
  const read = (claim: string | null) => {
    const value = claim === null ? undefined : payload[claim];
    if (value === undefined) return { words: null };
    const words: unknown = typeof value === "string" ? value.split(" ").filter(Boolean) : value;
    const known = LlmWords.safeParse(words);
    return known.success ? { words: known.data } : null;
  };
  const [allowed, forbidden] = [read(allow), read(forbid)];
  if (allowed === null || forbidden === null) return null;
  return { llms: allowed.words, forbidLlms: forbidden.words ?? [] };
}

/** Scopes as a list, or as one text with spaces (RFC 8693, 4.2). Unknown scopes are ignored. */
function scopesOf(claim: unknown, known: readonly Scope[]): Scope[] | null {
  const names: unknown = typeof claim === "string" ? claim.split(" ") : claim;
  if (!Array.isArray(names)) return null;
  return names.flatMap((name) => known.find((scope) => scope === name) ?? []);
}
