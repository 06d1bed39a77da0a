/** What every request gets first: an id of our own, the isolate's parts, and the signal of its client. */
import { createMiddleware } from "hono/factory";
import type { AppEnv, Bindings, PartsResult } from "../config/parts.ts";
import { Problem } from "./problems.ts";

/** Names a request in responses, logs and the ledger. Only `newRequestId` makes one. */
export type RequestId = string & { readonly brand: "RequestId" };

declare module "hono" {
  interface ContextVariableMap {
    requestId: RequestId;
  }
}

/** 122 random bits, as OpenAI's ids are written. */
export function newRequestId(): RequestId {
  return `req_${crypto.randomUUID().replaceAll("-", "")}` as RequestId;
}

/**
 * Gives the request its id and sends it back in `x-request-id`. Always our own: an id given by the caller could carry
 * text into the logs, and metering must not be keyed by what a caller chooses.
 */
export function requestId() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const id = newRequestId();
    c.set("requestId", id);
    await next();
    c.res.headers.set("x-request-id", id);
  });
}

/** Hands the isolate's parts to every request. */
export function setup(partsOf: (env: Bindings) => PartsResult) {
  return createMiddleware<AppEnv>(async (c, next) => {
    // Before the body limit replaces the request: the signal belongs to the one that came in.
    c.set("signal", c.req.raw.signal);
    const made = partsOf(c.env);
    c.set("setup", made);
    if (made.ok) c.set("parts", made.parts);
    await next();
  });
}

/** Refuses calls while the configuration has faults: `/readyz` names them. */
export function configured() {
  return createMiddleware<AppEnv>(async (c, next) => {
    if (!c.get("setup").ok) throw new Problem("misconfigured");
    await next();
  });
}
