/**
 * Turns whatever was thrown into a problem. This is the only place where an exception becomes what the caller sees.
 *
 * zod's issues become fields and reasons in our own words. We do not pass zod's messages on, because some repeat what
 * the caller sent. We do not repeat names that a caller made up (keys of `options`). We name an unknown field only if
 * it looks like a field's name.
 */

import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { AppEnv } from "../config/parts.ts";
import { framesOf, writeLog } from "./log.ts";
import { type FieldFault, Problem, problemResponse } from "./problems.ts";
import type { RequestId } from "./request.ts";

/** Hono's own exceptions: its validators throw them for bodies they cannot read. */
const httpKinds: Readonly<
  Record<number, "malformed_json" | "body_too_large" | "unsupported_media_type">
> = {
  400: "malformed_json",
  413: "body_too_large",
  415: "unsupported_media_type",
};

declare module "hono" {
  interface ContextVariableMap {
    /** Set if the question tells of an emergency. It comes first in every answer, and in every error. */
    urgentText: string | null | undefined;
  }
}

/** For `app.onError`. Exceptions that nobody named are logged without their message. */
export function onError(error: Error, c: Context<AppEnv>): Response {
  const id = c.get("requestId");
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

type Issue = z.core.$ZodIssue;

const MAX_FAULTS = 8;
/** Fields whose keys are the caller's words. */
export const KEYED_BY_CALLER: readonly PropertyKey[] = ["options", "metadata"];

/** The problem for a body that does not fit its schema. */
export function schemaProblem(error: z.ZodError): Problem {
  const issues = error.issues.slice(0, MAX_FAULTS);
  const fields = issues.flatMap((issue) => faultsOf(issue, [])).slice(0, MAX_FAULTS);
  return new Problem("invalid_request", { fields });
}

function faultsOf(issue: Issue, parent: readonly PropertyKey[]): FieldFault[] {
  const path = [...parent, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      field: fieldPath([...path, nameOf(key)]),
      reason: "is not a known field",
    }));
  }
  if (issue.code === "invalid_union") {
    const branch = meantBranch(issue.errors);
    if (branch) return branch.flatMap((inner) => faultsOf(inner, path));
  }
  return [{ field: fieldPath(path), reason: reasonOf(issue) }];
}

/** Picks the form that the caller meant: the right JSON type, with the fewest fields missing. */
function meantBranch(branches: readonly Issue[][]): readonly Issue[] | undefined {
  // A fraction where we want a whole number has the right type.
  const wrongKind = (issue: Issue) =>
    issue.path.length === 0 && issue.code === "invalid_type" && issue.expected !== "int";
  const missing = (issues: readonly Issue[]) => issues.filter(isMissing).length;
  return branches
    .filter((issues) => !issues.some(wrongKind))
    .toSorted((a, b) => missing(a) - missing(b))[0];
}

/** zod tells "missing" from "wrong type" only in its message. */
function isMissing(issue: Issue): boolean {
  return issue.code === "invalid_type" && issue.message.endsWith("received undefined");
}

/** The name of a member where it looks like one of ours; `?` for anything that may be a text. */
export function nameOf(key: string): string {
  return /^[A-Za-z_][A-Za-z0-9_-]{0,39}$/.test(key) ? key : "?";
}

/** `options[1].label`; the whole body is `body`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  let text = "";
  path.forEach((part, at) => {
    const keyed = at > 0 && KEYED_BY_CALLER.includes(path[at - 1] as PropertyKey);
    if (typeof part === "number") text += `[${part}]`;
    else text += `${text === "" ? "" : "."}${keyed ? "*" : String(part)}`;
  });
  return text === "" ? "body" : text;
}

function reasonOf(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return isMissing(issue) ? "is required" : `must be ${article(issue.expected)}`;
    case "too_small":
      return `must be ${atLeast(issue.origin)} ${issue.minimum}${unit(issue.origin)}`;
    case "too_big":
      return `must be at most ${issue.maximum}${unit(issue.origin)}`;
    case "invalid_value":
      return `must be one of: ${issue.values.map(String).join(", ")}`;
    case "custom":
    case "invalid_format":
      return issue.message; // written in our schemas
    case "invalid_union":
      return "has none of the accepted forms";
    default:
      return "is not valid";
  }
}

function article(expected: string): string {
  if (expected === "int") return "a whole number";
  return `${/^[aeiou]/.test(expected) ? "an" : "a"} ${expected === "record" ? "object" : expected}`;
}

function atLeast(origin: string): string {
  return origin === "number" || origin === "int" ? "at least" : "at least of length";
}

function unit(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" ? " entries" : "";
}
