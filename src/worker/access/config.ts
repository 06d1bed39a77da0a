/** The part of the configuration that says who may call. Faults name the variable, never its value. */
import { z } from "zod";
import { readMoney } from "../../net/money.ts";
import type { Bindings, Config, Parts } from "../config/parts.ts";
import { type AdapterTenants, NAME, type Scope } from "./caller.ts";
import type { Credentials } from "./identify.ts";
import { KeyCache, type KeyStore, kvKeyStore } from "./keyStore.ts";
import { Jwks, type TokenRules } from "./tokens.ts";

/** All scopes that a token may name, and those that a caller on the own machine has. */
export interface AllScopes {
  readonly known: readonly Scope[];
  readonly open: readonly Scope[];
}

declare module "../config/parts.ts" {
  interface Bindings {
    /** API keys, hashed (docs/auth.md). */
    readonly KEYS?: KVNamespace;
    readonly RATE_LIMIT?: RateLimit;
    readonly OPEN_ON_LOCALHOST?: string;
    readonly ADMIN_TOKEN?: string;
    readonly CORS_ORIGINS?: string;
    readonly ADAPTER_TENANTS?: string;
    readonly JWT_ISSUER?: string;
    readonly JWT_AUDIENCE?: string;
    readonly JWT_JWKS_URL?: string;
    readonly JWT_TENANT_CLAIM?: string;
    readonly JWT_SCOPE_CLAIM?: string;
    readonly JWT_QUOTA?: string;
    readonly JWT_SPEND_DAY_CLAIM?: string;
    readonly JWT_SPEND_MONTH_CLAIM?: string;
    readonly JWT_LLMS_CLAIM?: string;
    readonly JWT_FORBID_LLMS_CLAIM?: string;
    readonly USER_SPEND_DAY?: string;
    readonly USER_SPEND_MONTH?: string;
  }
  interface Config {
    /** Who may call. */
    readonly access: AccessConfig;
  }
  interface Parts {
    readonly credentials: Credentials;
    readonly keyStore: KeyStore | null;
  }
}

export interface AccessConfig {
  /** What a caller on the own machine may do without a key, for `wrangler dev` alone; null: nothing. */
  readonly openOnLocalhost: readonly Scope[] | null;
  /** Null: there is no admin route. */
  readonly adminToken: string | null;
  readonly adapterTenants: AdapterTenants;
  /** Origins whose pages may call. */
  readonly corsOrigins: readonly string[];
  readonly tokens: { readonly rules: TokenRules; readonly jwksUrl: string } | null;
}

const MIN_ADMIN_TOKEN = 32;
const Tenants = z.record(z.string().regex(NAME), z.array(z.string().regex(NAME)));

/** Reads who may call. Adds its faults. */
export function readAccess(env: Bindings, scopes: AllScopes, faults: string[]): AccessConfig {
  const adminToken = env.ADMIN_TOKEN || null;
  if (adminToken !== null && (adminToken.length < MIN_ADMIN_TOKEN || /\s/.test(adminToken))) {
    faults.push(`ADMIN_TOKEN must be at least ${MIN_ADMIN_TOKEN} characters without spaces`);
  }
  const open = env.OPEN_ON_LOCALHOST || "false";
  if (open !== "true" && open !== "false") faults.push("OPEN_ON_LOCALHOST must be true or false");
  return {
    openOnLocalhost: open === "true" ? scopes.open : null,
    adminToken,
    corsOrigins: readOrigins(env.CORS_ORIGINS, faults),
    adapterTenants: readTenants(env.ADAPTER_TENANTS, faults),
    tokens: readTokens(env, scopes, faults),
  };
}

function readOrigins(text: string | undefined, faults: string[]): string[] {
  const origins = (text ?? "").split(",").map((origin) => origin.trim());
  const named = origins.filter((origin) => origin !== "");
  if (named.some((origin) => URL.parse(origin)?.origin !== origin)) {
    faults.push("CORS_ORIGINS must be origins such as https://app.example, separated by commas");
  }
  return named;
}

function readTenants(text: string | undefined, faults: string[]): AdapterTenants {
  if (!text) return new Map();
  try {
    return new Map(Object.entries(Tenants.parse(JSON.parse(text))));
  } catch {
    faults.push('ADAPTER_TENANTS must be JSON such as {"mini": ["clinic-a"]}');
    return new Map();
  }
}

/** Bounds of tokens: where no token is taken, whoever set one believes in a bound that is not there. */
const ofTokens = [
  "USER_SPEND_DAY",
  "USER_SPEND_MONTH",
  "JWT_SPEND_DAY_CLAIM",
  "JWT_SPEND_MONTH_CLAIM",
  "JWT_LLMS_CLAIM",
  "JWT_FORBID_LLMS_CLAIM",
] as const;

function readTokens(env: Bindings, scopes: AllScopes, faults: string[]): AccessConfig["tokens"] {
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWT_JWKS_URL: jwksUrl } = env;
  const spend = {
    day: readCap(env, "USER_SPEND_DAY", faults),
    month: readCap(env, "USER_SPEND_MONTH", faults),
  };
  if (!issuer && !audience && !jwksUrl) {
    const [unused] = ofTokens.filter((name) => env[name]);
    if (unused !== undefined) faults.push(`${unused} goes with JWT_ISSUER only`);
    return null;
  }
  if (!issuer || !audience || !jwksUrl) {
    faults.push("JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL must be given together");
    return null;
  }
  const url = URL.parse(jwksUrl);
  const local = url?.hostname === "localhost" || url?.hostname === "127.0.0.1";
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && local)) {
    faults.push("JWT_JWKS_URL must be an https URL");
  }
  const rules = {
    issuer,
    audience,
    tenantClaim: env.JWT_TENANT_CLAIM || "tenant",
    scopeClaim: env.JWT_SCOPE_CLAIM || "scope",
    quota: readQuota(env.JWT_QUOTA, faults),
    scopes: scopes.known,
    spend,
    spendClaims: {
      day: env.JWT_SPEND_DAY_CLAIM || null,
      month: env.JWT_SPEND_MONTH_CLAIM || null,
    },
    llmClaims: { allow: env.JWT_LLMS_CLAIM || null, forbid: env.JWT_FORBID_LLMS_CLAIM || null },
  };
  return { rules, jwksUrl };
}

/** A cap in decimal money, as micro-units; null: none. */
function readCap(
  env: Bindings,
  name: "USER_SPEND_DAY" | "USER_SPEND_MONTH",
  faults: string[],
): number | null {
  const text = env[name]?.trim();
  if (!text) return null;
  const micros = readMoney(text);
  if (micros === null) faults.push(`${name} must be money with at most six decimals, such as 2.50`);
  return micros;
}

function readQuota(text: string | undefined, faults: string[]): number | null {
  if (!text) return null;
  const quota = Number(text);
  if (Number.isSafeInteger(quota) && quota >= 0) return quota;
  faults.push("JWT_QUOTA must be a whole number of requests a month");
  return null;
}

/** The parts that find out who calls. */
export function accessParts(
  { KEYS }: Bindings,
  { access }: Config,
): Pick<Parts, "credentials" | "keyStore"> {
  const keyStore = KEYS === undefined ? null : kvKeyStore(KEYS);
  const { tokens, openOnLocalhost } = access;
  return {
    keyStore,
    credentials: {
      keys: keyStore === null ? null : new KeyCache(keyStore),
      tokens: tokens && {
        rules: tokens.rules,
        jwks: new Jwks(tokens.jwksUrl, (url, init) => fetch(url, init)),
      },
      openOnLocalhost,
    },
  };
}
