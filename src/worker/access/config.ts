/** The part of the configuration that says who may call. Faults name the variable, never its value. */
import { z } from "zod";
import { type AdapterTenants, NAME } from "./caller.ts";
import type { TokenRules } from "./tokens.ts";

/** Bindings, variables and secrets that are read here; see docs/auth.md. */
export interface AccessBindings {
  readonly KEYS?: KVNamespace;
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
}

export interface AccessConfig {
  /** For `wrangler dev` alone. */
  readonly openOnLocalhost: boolean;
  /** Null: there is no admin route. */
  readonly adminToken: string | null;
  readonly adapterTenants: AdapterTenants;
  /** Origins whose pages may call. */
  readonly corsOrigins: readonly string[];
  readonly tokens: { readonly rules: TokenRules; readonly jwksUrl: string } | null;
}

const MIN_ADMIN_TOKEN = 32;
const Tenants = z.record(z.string().regex(NAME), z.array(z.string().regex(NAME)));

/** Reads who may call; what is wrong is added to `faults`. */
export function readAccess(env: AccessBindings, faults: string[]): AccessConfig {
  const adminToken = env.ADMIN_TOKEN || null;
  if (adminToken !== null && (adminToken.length < MIN_ADMIN_TOKEN || /\s/.test(adminToken))) {
    faults.push(`ADMIN_TOKEN must be at least ${MIN_ADMIN_TOKEN} characters without spaces`);
  }
  const open = env.OPEN_ON_LOCALHOST || "false";
  if (open !== "true" && open !== "false") faults.push("OPEN_ON_LOCALHOST must be true or false");
  return {
    openOnLocalhost: open === "true",
    adminToken,
    corsOrigins: readOrigins(env.CORS_ORIGINS, faults),
    adapterTenants: readTenants(env.ADAPTER_TENANTS, faults),
    tokens: readTokens(env, faults),
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

function readTokens(env: AccessBindings, faults: string[]): AccessConfig["tokens"] {
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWT_JWKS_URL: jwksUrl } = env;
  if (!issuer && !audience && !jwksUrl) return null;
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
  };
  return { rules, jwksUrl };
}

function readQuota(text: string | undefined, faults: string[]): number | null {
  if (!text) return null;
  const quota = Number(text);
  if (Number.isSafeInteger(quota) && quota >= 0) return quota;
  faults.push("JWT_QUOTA must be a whole number of requests a month");
  return null;
}
