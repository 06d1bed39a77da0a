/** Stands before every route under /v1: who calls, what they may do, and how fast. */
import { createMiddleware } from "hono/factory";
import { Problem, type ProblemKind } from "../errors/problems.ts";
import type { AppEnv } from "../wiring/parts.ts";
import { type IdentityFault, identify } from "./identify.ts";
import type { Scope } from "./scopes.ts";

/** What the caller learns of a refusal: nothing that tells a wrong secret from a revoked key. */
const kinds: Readonly<Record<IdentityFault["kind"], ProblemKind>> = {
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

/** The period of the rate-limit binding in wrangler.toml, seconds: who waits that long is let through. */
const BRAKE_SECONDS = 10;

/** Finds the caller, or refuses the request. */
export function authenticate() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const identity = await identify(c.req.raw, c.get("parts").doors);
    if (!identity.ok) throw new Problem(kinds[identity.fault.kind]);
    c.set("caller", identity.caller);
    await next();
  });
}

/** Slows down a caller that sends too much at once. A brake, not a quota: Cloudflare counts by location. */
export function brake() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const { how, tenant, principal } = c.get("caller");
    if (how !== "open") {
      const { success } = (await c.env.BRAKE?.limit({ key: `${tenant}/${principal}` })) ?? {
        success: true,
      };
      if (!success) {
        throw new Problem("rate_limit_exceeded", { retryAfterSeconds: BRAKE_SECONDS });
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
