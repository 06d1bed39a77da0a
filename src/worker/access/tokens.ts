/**
 * Tokens of mobile apps (JWT, RFC 7519 and 8725), and the public keys of their issuer (RFC 7517). jose checks signature
 * and registered claims. Here is what it leaves open: which algorithms and types are allowed, and how long an issuer's keys
 * are believed. What the claims say of the user is read in claims.ts.
 */
import { decodeProtectedHeader, errors, type JWK, jwtVerify } from "jose";
import { z } from "zod";
import type { Caller } from "./caller.ts";
import { type ClaimName, type ClaimRules, readClaims } from "./claims.ts";

/** Asymmetric only: with HS256 the public key would be the secret. */
const ALGORITHMS = ["RS256", "ES256", "EdDSA"] as const;
const TYPES = ["JWT", "at+jwt"];
const MAX_TOKEN_CHARS = 8_192;

export interface TokenRules extends ClaimRules {
  readonly issuer: string;
  readonly audience: string;
}

/** Why a token is refused. The caller learns only that it is. */
export type TokenFault =
  | { readonly kind: "not_a_token" }
  | { readonly kind: "algorithm_refused" }
  | { readonly kind: "key_unknown" }
  | { readonly kind: "keys_unavailable" }
  | { readonly kind: "not_verified"; readonly rule: VerifyRule }
  | { readonly kind: "claims_refused"; readonly claim: "exp" | ClaimName };

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
      const caller = await readClaims(payload, rules);
      return typeof caller === "string"
        ? refuse({ kind: "claims_refused", claim: caller })
        : { ok: true, caller };
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
