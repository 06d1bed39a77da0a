/** Whatever was thrown, as a problem: the one place where exceptions become responses. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { framesOf, writeLog } from "./log.ts";
import type { AppEnv } from "./parts.ts";
import { Problem, type ProblemKind, problemResponse } from "./problems.ts";

/** Hono's own exceptions: its validators throw them for bodies they cannot read. */
const httpKinds: Readonly<Record<number, ProblemKind>> = {
  400: "malformed_json",
  413: "body_too_large",
  415: "unsupported_media_type",
};

/** For `app.onError`. Exceptions that nobody named are logged without their message. */
export function onError(error: Error, c: Context<AppEnv>): Response {
  const id = c.get("requestId");
  if (error instanceof Problem) return problemResponse(error, id);
  const kind = error instanceof HTTPException ? httpKinds[error.status] : undefined;
  if (kind !== undefined) return problemResponse(new Problem(kind), id);
  writeLog({ event: "bug", id, frames: framesOf(error) });
  return problemResponse(new Problem("internal"), id);
}

/** For `app.notFound`. */
export function onNotFound(c: Context<AppEnv>): Response {
  return problemResponse(new Problem("not_found"), c.get("requestId"));
}
