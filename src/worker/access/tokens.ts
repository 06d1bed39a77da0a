/**
 * Tokens of mobile apps (JWT, RFC 7519 and 8725), and the public keys of their issuer (RFC 7517). jose checks signature
 * and registered claims. Here is what it leaves open: which algorithms and types are allowed, tenant and scopes from
 * claims, and how long an issuer's keys are believed.
 */
import { decodeProtectedHeader, errors, type JWK, jwtVerify } from "jose";
import { z } from "zod";
import { readMoney } from "../../net/money.ts";
import { hex } from "../http/seal.ts";
import { type Caller, LLM_NAME, NAME, type Scope, type SpendLimits } from "./caller.ts";
import { hashSecret } from "./keys.ts";

/** Asymmetric only: with HS256 the public key would be the secret. */
const ALGORITHMS = ["RS256", "ES256", "EdDSA"] as const;
const TYPES = ["JWT", "at+jwt"];
const MAX_TOKEN_CHARS = 8_192;

export interface TokenRules {
  readonly issuer: string;
  readonly audience: string;
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

/** Why a token is refused. The caller learns only that it is. */
export type TokenFault =
  | { readonly kind: "not_a_token" }
  | { readonly kind: "algorithm_refused" }
  | { readonly kind: "key_unknown" }
  | { readonly kind: "keys_unavailable" }
  | { readonly kind: "not_verified"; readonly rule: VerifyRule }
  | { readonly kind: "claims_refused"; readonly claim: "exp" | ClaimName };

type ClaimName = "sub" | "tenant" | "scope" | "spend" | "llms";
type VerifyRule = "expired" | "not_yet" | "issuer" | "audience" | "signature" | "form";

export type TokenResult =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly fault: TokenFault };

const Header = z.object({
  alg: z.string(),
  kid: z.string().min(1),
  typ: z.unknown().optional(),
});
type Header = z.infer<typeof Header>;

const refuse = (fault: TokenFault): TokenResult => ({ ok: false, fault });

/** The caller that a token speaks for, or why it is refused. Never rejects. */
export async function readToken(
  token: string,
  rules: TokenRules,
  jwks: Jwks,
): Promise<TokenResult> {
  const header = readHeader(token);
  if (header === null) return refuse({ kind: "not_a_token" });
  if (!(ALGORITHMS as readonly string[]).includes(header.alg)) {
    return refuse({ kind: "algorithm_refused" });
  }
  if (header.typ !== undefined && !TYPES.includes(String(header.typ))) {
    return refuse({ kind: "not_verified", rule: "form" });
  }
  const keys = await jwks.find(header.kid);
  if (keys === "unknown") return refuse({ kind: "key_unknown" });
  if (keys === "unavailable") return refuse({ kind: "keys_unavailable" });
  // Two keys may have the same id. The token is good if either fits. The last fault says why none does.
  let fault: TokenFault = { kind: "not_verified", rule: "form" };
  for (const key of keys) {
    try {
      // Given as data, so that jose also checks the key's own `use`, `alg` and `key_ops`, and refuses a private key.
      const { payload } = await jwtVerify(token, key, {
        algorithms: [...ALGORITHMS],
        issuer: rules.issuer,
        audience: rules.audience,
        requiredClaims: ["exp"],
      });
      return await readClaims(payload, rules);
    } catch (error) {
      fault = faultOf(error);
    }
  }
  return refuse(fault);
}

function readHeader(token: string): Header | null {
  if (token.length > MAX_TOKEN_CHARS || token.split(".").length !== 3) return null;
  try {
    return Header.safeParse(decodeProtectedHeader(token)).data ?? null;
  } catch {
    return null;
  }
}

const claimRules: Readonly<Record<string, VerifyRule>> = {
  nbf: "not_yet",
  iss: "issuer",
  aud: "audience",
};

/** What jose throws, as a fault. A key that cannot be imported, or is too weak, is a fault of form. */
function faultOf(error: unknown): TokenFault {
  if (error instanceof errors.JWTExpired) return { kind: "not_verified", rule: "expired" };
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return { kind: "not_verified", rule: "signature" };
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === "exp") return { kind: "claims_refused", claim: "exp" };
    return { kind: "not_verified", rule: claimRules[error.claim] ?? "form" };
  }
  return { kind: "not_verified", rule: "form" };
}

async function readClaims(
  payload: Readonly<Record<string, unknown>>,
  rules: TokenRules,
): Promise<TokenResult> {
  const refuseClaim = (claim: ClaimName) => refuse({ kind: "claims_refused", claim });
  const { sub, [rules.tenantClaim]: tenant, [rules.scopeClaim]: scope } = payload;
  if (typeof sub !== "string" || sub === "") return refuseClaim("sub");
  if (typeof tenant !== "string" || !NAME.test(tenant)) return refuseClaim("tenant");
  const scopes = scopesOf(scope, rules.scopes);
  if (scopes === null) return refuseClaim("scope");
  const principal = `token-${hex(await hashSecret(`${tenant}\n${sub}`)).slice(0, 32)}`;
  const spend = spendOf(payload, rules);
  if (spend === null) return refuseClaim("spend");
  const bounds = llmsOf(payload, rules.llmClaims);
  if (bounds === null) return refuseClaim("llms");
  const { quota } = rules;
  return {
    ok: true,
    caller: {
      ...{ tenant, keyId: "token", principal, how: "token", scopes, adapters: null, quota },
      ...bounds,
      spend,
    },
  };
}

type Payload = Readonly<Record<string, unknown>>;

/** Decimal money, as a text or a number. An absent claim leaves the deployment's cap. Null: a claim is not valid. */
function spendOf(payload: Payload, { spend, spendClaims }: TokenRules): SpendLimits | null {
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
  { allow, forbid }: TokenRules["llmClaims"],
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

const LlmWords = z.array(z.string().regex(LLM_NAME)).max(64);

/** Scopes as a list, or as one text with spaces (RFC 8693, 4.2). Unknown scopes are ignored. */
function scopesOf(claim: unknown, known: readonly Scope[]): Scope[] | null {
  const names: unknown = typeof claim === "string" ? claim.split(" ") : claim;
  if (!Array.isArray(names)) return null;
  return names.flatMap((name) => known.find((scope) => scope === name) ?? []);
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Age at which the keys are fetched again. */
const FRESH_MS = 600_000;
/** Minimum time between two fetches: an unknown key id must not become a call to the host each time. */
const RETRY_MS = 10_000;
/** Age from which keys are no longer believed, even if the host fails. */
const STALE_MS = 86_400_000;
const TIMEOUT_MS = 3_000;
const MAX_CHARS = 65_536;

const KeySet = z.object({ keys: z.array(z.unknown()) });
const Key = z.looseObject({ kid: z.string(), kty: z.string() });

/**
 * The keys of a token issuer, fetched from the configured URL and remembered by the isolate as plain data. A host that
 * fails locks nobody out whose key is remembered. No fetch and no imported key is shared between requests: a request
 * that ends early would leave the others waiting.
 */
export class Jwks {
  readonly #url: string;
  readonly #fetch: Fetch;
  #known: { readonly keys: readonly JWK[]; readonly at: number } | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(url: string, fetch: Fetch) {
    this.#url = url;
    this.#fetch = fetch;
  }

  /**
   * The keys with this id, one as a rule.
   * @returns `unknown` where the issuer has no such key, `unavailable` where that cannot be found out
   */
  async find(kid: string): Promise<readonly JWK[] | "unknown" | "unavailable"> {
    const now = Date.now();
    const age = this.#known === null ? Number.POSITIVE_INFINITY : now - this.#known.at;
    const known = age < STALE_MS ? this.#keys(kid) : null;
    if (known !== null && age < FRESH_MS) return known;
    if (now - this.#lookedAt < RETRY_MS) return known ?? this.#absent(age);
    // Set before the fetch, so that requests that come meanwhile use the known keys. At the very start each one fetches.
    if (this.#known !== null) this.#lookedAt = now;
    const keys = await this.#load();
    this.#lookedAt = Date.now();
    if (keys === null) return known ?? this.#absent(age);
    this.#known = { keys, at: Date.now() };
    return this.#keys(kid) ?? "unknown";
  }

  #keys(kid: string): readonly JWK[] | null {
    const found = this.#known?.keys.filter((key) => key.kid === kid) ?? [];
    return found.length === 0 ? null : found;
  }

  #absent(age: number): "unknown" | "unavailable" {
    return age < FRESH_MS ? "unknown" : "unavailable";
  }

  /** Null where the host fails. What is no key among the keys is ignored (RFC 7517, section 5). */
  async #load(): Promise<readonly JWK[] | null> {
    try {
      const response = await this.#fetch(this.#url, {
        headers: { accept: "application/json" },
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status !== 200) {
        await response.body?.cancel();
        return null;
      }
      const text = await response.text();
      if (text.length > MAX_CHARS) return null;
      const { keys } = KeySet.parse(JSON.parse(text));
      return keys.flatMap((key): JWK[] => {
        const read = Key.safeParse(key);
        return read.success ? [read.data as JWK] : [];
      });
    } catch {
      return null;
    }
  }
}
