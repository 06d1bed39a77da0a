/**
 * * Tokens of mobile apps (JWT, RFC 7519 and 8725): signature and claims are checked by hono's `verifyWithJwks`; here is
 * what it leaves open: an allow-list of algorithms, a required expiry, a key cache, tenant and scopes from claims.
 *
 * * The public keys of the token issuer (RFC 7517), fetched from the configured URL and remembered by the isolate. A host
 * that fails locks nobody out whose key is remembered. No promise is shared between requests: one that ends early
 * would leave the others waiting.
 */

import type { HonoJsonWebKey } from "hono/utils/jwt/jws";
import { decodeHeader, verifyWithJwks } from "hono/utils/jwt/jwt";
import { z } from "zod";
import { type Caller, isScope, NAME } from "./caller.ts";
import { hashSecret, hex } from "./keys.ts";

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
}

/** Why a token is refused. The caller learns only that it is. */
export type TokenFault =
  | { readonly kind: "not_a_token" }
  | { readonly kind: "algorithm_refused" }
  | { readonly kind: "key_unknown" }
  | { readonly kind: "keys_unavailable" }
  | { readonly kind: "not_verified"; readonly rule: VerifyRule }
  | { readonly kind: "claims_refused"; readonly claim: "exp" | "sub" | "tenant" | "scope" };

type VerifyRule = "expired" | "not_yet" | "issuer" | "audience" | "signature" | "form";

export type TokenResult =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly fault: TokenFault };

/** What hono throws, by its errors' names. Anything else is a fault of form (or a key that does not fit). */
const verifyRules: Readonly<Record<string, VerifyRule>> = {
  JwtTokenExpired: "expired",
  JwtTokenNotBefore: "not_yet",
  JwtTokenIssuer: "issuer",
  JwtTokenAudience: "audience",
  JwtPayloadRequiresAud: "audience",
  JwtTokenSignatureMismatched: "signature",
};

const Header = z.object({ alg: z.string(), kid: z.string().min(1), typ: z.string().optional() });
const refuse = (fault: TokenFault): TokenResult => ({ ok: false, fault });

/** The caller that a token speaks for, or why it is refused. */
export async function readToken(
  token: string,
  rules: TokenRules,
  jwks: Jwks,
): Promise<TokenResult> {
  const header = token.length > MAX_TOKEN_CHARS ? null : readHeader(token);
  if (header === null) return refuse({ kind: "not_a_token" });
  if (!(ALGORITHMS as readonly string[]).includes(header.alg)) {
    return refuse({ kind: "algorithm_refused" });
  }
  const key = await jwks.find(header.kid);
  if (key === "unknown") return refuse({ kind: "key_unknown" });
  if (key === "unavailable") return refuse({ kind: "keys_unavailable" });
  try {
    const payload = await verifyWithJwks(token, {
      keys: [key],
      allowedAlgorithms: ALGORITHMS,
      verification: {
        iss: rules.issuer,
        aud: rules.audience,
        // An issuer's clock may run a second ahead of ours; RFC 7519 gives `iat` no part in acceptance.
        iat: false,
        ...(header.typ === undefined ? {} : { typ: TYPES }),
      },
    });
    return await readClaims(payload, rules);
  } catch (error) {
    return refuse({ kind: "not_verified", rule: ruleOf(error) });
  }
}

function readHeader(token: string): z.infer<typeof Header> | null {
  try {
    return Header.safeParse(decodeHeader(token)).data ?? null;
  } catch {
    return null;
  }
}

function ruleOf(error: unknown): VerifyRule {
  return (error instanceof Error ? verifyRules[error.name] : undefined) ?? "form";
}

async function readClaims(
  payload: Readonly<Record<string, unknown>>,
  rules: TokenRules,
): Promise<TokenResult> {
  const refuseClaim = (claim: "exp" | "sub" | "tenant" | "scope") =>
    refuse({ kind: "claims_refused", claim });
  const { exp, sub, [rules.tenantClaim]: tenant, [rules.scopeClaim]: scope } = payload;
  if (typeof exp !== "number") return refuseClaim("exp");
  if (typeof sub !== "string" || sub === "") return refuseClaim("sub");
  if (typeof tenant !== "string" || !NAME.test(tenant)) return refuseClaim("tenant");
  const scopes = scopesOf(scope);
  if (scopes === null) return refuseClaim("scope");
  const principal = `token-${hex(await hashSecret(`${tenant}\n${sub}`)).slice(0, 32)}`;
  const { quota } = rules;
  return {
    ok: true,
    caller: { tenant, keyId: "token", principal, how: "token", scopes, adapters: null, quota },
  };
}

/** Scopes as a list, or as one text with spaces (RFC 8693, 4.2). Others' scopes are passed over. */
function scopesOf(claim: unknown) {
  const names = typeof claim === "string" ? claim.split(" ") : claim;
  if (!Array.isArray(names)) return null;
  return names.filter((name): name is string => typeof name === "string").filter(isScope);
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Age at which the keys are fetched again. */
const FRESH_MS = 600_000;
/** Least time between two looks: an unknown key id must not become a call to the host each time. */
const RETRY_MS = 10_000;
/** Age past which keys are no longer believed, even if the host fails. */
const STALE_MS = 86_400_000;
const TIMEOUT_MS = 3_000;
const MAX_CHARS = 65_536;

const KeySet = z.object({
  keys: z.array(z.looseObject({ kid: z.string().optional(), kty: z.string() })).max(64),
});

export class Jwks {
  readonly #url: string;
  readonly #fetch: Fetch;
  #known: { readonly keys: readonly HonoJsonWebKey[]; readonly at: number } | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(url: string, fetch: Fetch) {
    this.#url = url;
    this.#fetch = fetch;
  }

  /**
   * The key with this id.
   * @returns `unknown` where the issuer has no such key, `unavailable` where that cannot be found out
   */
  async find(kid: string): Promise<HonoJsonWebKey | "unknown" | "unavailable"> {
    const now = Date.now();
    const age = this.#known === null ? Number.POSITIVE_INFINITY : now - this.#known.at;
    const known = age < STALE_MS ? this.#key(kid) : undefined;
    if (known !== undefined && age < FRESH_MS) return known;
    if (now - this.#lookedAt < RETRY_MS) return known ?? this.#absent(age);
    // Set before the look: those who come meanwhile go on with what is known. At the very start all wait.
    if (this.#known !== null) this.#lookedAt = now;
    const keys = await this.#load();
    this.#lookedAt = Date.now();
    if (keys === null) return known ?? this.#absent(age);
    this.#known = { keys, at: Date.now() };
    return this.#key(kid) ?? "unknown";
  }

  #key(kid: string): HonoJsonWebKey | undefined {
    return this.#known?.keys.find((key) => key.kid === kid);
  }

  #absent(age: number): "unknown" | "unavailable" {
    return age < FRESH_MS ? "unknown" : "unavailable";
  }

  async #load(): Promise<readonly HonoJsonWebKey[] | null> {
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
      return KeySet.parse(JSON.parse(text)).keys as HonoJsonWebKey[];
    } catch {
      return null;
    }
  }
}
