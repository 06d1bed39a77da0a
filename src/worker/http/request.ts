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
 * Gives the request an id and sends it back in `x-request-id`. The id is always ours. A caller's id could carry text into
 * the logs, and a caller must not choose what usage is counted by.
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
    // Taken before the request is replaced by one whose body was read: the signal belongs to the request that came in.
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
