/**
 * A request id in every response (`x-request-id`) and every log line. Always our own: an id given by the caller could
 * carry text into the logs, and metering must not be keyed by what a caller chooses.
 */
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../wiring/parts.ts";

export type RequestId = string & { readonly brand: "RequestId" };

/** 122 random bits, as OpenAI's ids are written. */
export function newRequestId(): RequestId {
  return `req_${crypto.randomUUID().replaceAll("-", "")}` as RequestId;
}

/** Gives the request its id and sends it back in `x-request-id`. */
export function requestId() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const id = newRequestId();
    c.set("requestId", id);
    await next();
    c.res.headers.set("x-request-id", id);
  });
}
