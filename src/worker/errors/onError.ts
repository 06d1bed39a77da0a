/** Whatever was thrown, as a problem: the one place where exceptions become what the caller sees. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { Replayed } from "../ledger/notGranted.ts";
import { framesOf, writeLog } from "../observe/log.ts";
import type { RequestId } from "../observe/requestId.ts";
import type { AppEnv } from "../wiring/parts.ts";
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
  if (error instanceof Replayed) return error.response;
  return problemResponse(problemOf(error, id), id, c.get("urgentText"));
}

/** The problem that stands for whatever was thrown. */
export function problemOf(thrown: unknown, id: RequestId): Problem {
  if (thrown instanceof Problem) return thrown;
  const kind = thrown instanceof HTTPException ? httpKinds[thrown.status] : undefined;
  if (kind !== undefined) return new Problem(kind);
  writeLog({ event: "bug", id, frames: thrown instanceof Error ? framesOf(thrown) : [] });
  return new Problem("internal");
}

/** For `app.notFound`. */
export function onNotFound(c: Context<AppEnv>): Response {
  return problemResponse(new Problem("not_found"), c.get("requestId"));
}
