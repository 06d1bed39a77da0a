/**
 * Middleware. Under /v1: who calls, what they may do, and how fast. For all routes: CORS (a configured list of origins)
 * and security headers. There are no cookies.
 */

import { every } from "hono/combine";
import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import { secureHeaders } from "hono/secure-headers";
import type { AppEnv } from "../config/parts.ts";
import { Problem } from "../http/problems.ts";
import type { Caller, Scope } from "./caller.ts";
import { type IdentityFault, identify } from "./identify.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** Who calls. Set by `authenticate`. */
    caller: Caller;
  }
}

/** What the caller learns of a refusal. A wrong secret and a revoked key look the same. */
const kinds: Readonly<Record<IdentityFault["kind"], "invalid_api_key" | "access_unavailable">> = {
  no_credentials: "invalid_api_key",
  key_unknown: "invalid_api_key",
  key_revoked: "invalid_api_key",
  not_a_token: "invalid_api_key",
  algorithm_refused: "invalid_api_key",
  not_verified: "invalid_api_key",
  claims_refused: "invalid_api_key",
  keys_unavailable: "access_unavailable",
  store_unavailable: "access_unavailable",
};

/** The period of the rate-limit binding in wrangler.toml, in seconds. A caller who waits that long is let through. */
const RATE_LIMIT_SECONDS = 10;

/** Finds the caller, or refuses the request. */
export function authenticate() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const identity = await identify(c.req.raw, c.get("parts").credentials);
    if (!identity.ok) throw new Problem(kinds[identity.fault.kind]);
    c.set("caller", identity.caller);
    await next();
  });
}

/** Refuses a caller that sends too much at once. Approximate: Cloudflare counts by location. The quota is the ledger's. */
export function rateLimit() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const { how, tenant, principal } = c.get("caller");
    if (how !== "open") {
      const { success } = (await c.env.RATE_LIMIT?.limit({ key: `${tenant}/${principal}` })) ?? {
        success: true,
      };
      if (!success) {
        throw new Problem("rate_limit_exceeded", { retryAfterSeconds: RATE_LIMIT_SECONDS });
      }
    }
    await next();
  });
}

/** Refuses callers whose key or token lacks the scope. */
export function needs(scope: Scope) {
  return createMiddleware<AppEnv>(async (c, next) => {
    if (!c.get("caller").scopes.includes(scope)) throw new Problem("insufficient_scope");
    await next();
  });
}

/** What scripts of other origins may read. */
export const EXPOSED = [
  "x-request-id",
  "server-timing",
  "retry-after",
  "idempotent-replayed",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "x-medadapter-spend-warning",
  // Of an answer (answer/headers.ts).
  "x-medadapter-answer",
  "x-medadapter-confidence",
  "x-medadapter-confidence-reason",
  "x-medadapter-abstained",
  "x-medadapter-abstained-reason",
  "x-medadapter-degraded",
  "x-medadapter-adapter",
  "x-medadapter-urgent",
];
const PREFLIGHT_SECONDS = 600;

/** CORS and security headers, for all routes. Answers a browser's preflight itself. */
export function crossOrigin() {
  return every(
    secureHeaders(),
    cors({
      origin: (origin, c) => {
        const setup = c.get("setup");
        return setup.ok && setup.parts.config.access.corsOrigins.includes(origin) ? origin : null;
      },
      allowMethods: ["GET", "POST", "DELETE"],
      exposeHeaders: EXPOSED,
      maxAge: PREFLIGHT_SECONDS,
    }),
  );
}
