/**
 * Errors: a named failure (`problemTable.ts`) becomes a status, a public message and OpenAI's error type. Bodies are
 * problem details (RFC 9457) that also carry OpenAI's `error` member, so both kinds of client understand them.
 * The table holds whole messages. Nothing of the caller's input, the LLM's output or an exception's text gets in.
 */

import {
  type DefinedProblem,
  type ProblemKind,
  type ProblemRow,
  problemTable,
} from "./problemTable.ts";

export type { ProblemKind } from "./problemTable.ts";

/** A kind of the table. */
type TableKind = keyof typeof problemTable;

/** A field that is not valid and why, in our own words. */
export interface FieldFault {
  /** Path such as `options[1].label`. */
  readonly field: string;
  readonly reason: string;
}

/** A spending cap and what is gone of it, in decimal money. */
export interface SpendingDetails {
  readonly of: "key" | "user";
  readonly period: "day" | "month";
  readonly cap: string;
  readonly spent: string;
  /** The most that requests which run now can still cost. */
  readonly held: string;
  /** The most that the refused request can cost. */
  readonly request: string;
  /** When the period ends: RFC 3339. */
  readonly resets_at: string;
}

export interface ProblemDetails {
  readonly fields?: readonly FieldFault[];
  readonly retryAfterSeconds?: number;
  /** Value of the Allow header (405). */
  readonly allow?: string;
  /** The spending cap that has no room. */
  readonly spending?: SpendingDetails;
}

/** The one exception that routes and middleware throw; `app.onError` turns it into a response. */
export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly row: ProblemRow;
  readonly details: ProblemDetails;

  constructor(problem: TableKind | DefinedProblem, details: ProblemDetails = {}) {
    const { kind, row } =
      typeof problem === "string" ? { kind: problem, row: problemTable[problem] } : problem;
    super(kind);
    this.kind = kind;
    this.row = row;
    this.details = details;
  }

  get status(): number {
    return this.row.status;
  }
}

/** A problem about one field of the request. */
export function fieldProblem(kind: TableKind, field: string, reason?: string): Problem {
  return new Problem(kind, { fields: [{ field, reason: reason ?? problemTable[kind].message }] });
}

/**
 * The body of a problem: RFC 9457 members, the fields at fault, and OpenAI's `error`.
 * @param urgentText shown first if the question tells of an emergency
 */
export function problemBody(problem: Problem, requestId: string, urgentText?: string | null) {
  const { row } = problem;
  const fields = problem.details.fields ?? [];
  const named = fields.map(({ field, reason }) => `${field}: ${reason}`).join("; ");
  const told = fields.some(({ reason }) => reason !== row.message);
  const detail =
    problem.kind === "invalid_request" && named !== ""
      ? named
      : told
        ? `${row.message} ${named}`
        : row.message;
  return {
    type: `urn:medadapter:problem:${problem.kind}`,
    title: problem.kind.replaceAll("_", " "),
    status: row.status,
    detail,
    instance: `urn:medadapter:request:${requestId}`,
    code: problem.kind,
    errors: fields,
    ...(problem.details.spending === undefined ? {} : { spending: problem.details.spending }),
    ...(urgentText ? { urgent: true, urgent_text: urgentText } : {}),
    error: {
      message: detail,
      type: row.type,
      code: problem.kind,
      param: fields[0]?.field ?? null,
    },
  };
}

/** The response for a problem, with `Retry-After` and `Allow` where they apply. */
export function problemResponse(
  problem: Problem,
  requestId: string,
  urgentText?: string | null,
): Response {
  const headers = new Headers({ "content-type": "application/problem+json" });
  const retry = problem.details.retryAfterSeconds ?? problem.row.retrySeconds;
  if (retry !== undefined) headers.set("retry-after", String(Math.max(1, Math.ceil(retry))));
  if (problem.details.allow !== undefined) headers.set("allow", problem.details.allow);
  // RFC 9110 wants a challenge with every 401.
  if (problem.status === 401) headers.set("www-authenticate", 'Bearer realm="medadapter"');
  const body = JSON.stringify(problemBody(problem, requestId, urgentText));
  return new Response(body, { status: problem.status, headers });
}
