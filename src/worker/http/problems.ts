/**
 * Errors: a named failure (`problemTable.ts`) becomes a status, a public message and OpenAI's error type. Bodies are
 * problem details (RFC 9457) that also carry OpenAI's `error` member, so that both kinds of client understand them.
 * Messages stand in the table, whole: nothing of the caller's input, the LLM's output or an exception's text gets in.
 */

import { type ProblemKind, type ProblemRow, problemTable } from "./problemTable.ts";

export type { ProblemKind } from "./problemTable.ts";

/** Seconds that a client is told to wait where the failure itself does not say. */
const DEFAULT_RETRY_SECONDS: Partial<Record<ProblemKind, number>> = {
  overloaded: 2,
  too_many_batches: 60,
  adapter_unavailable: 10,
  idempotency_in_progress: 2,
  access_unavailable: 5,
  ledger_unavailable: 2,
  upstream_rate_limited: 10,
};

/** A field that is not valid and why, in our own words. */
export interface FieldFault {
  /** Path such as `options[1].label`. */
  readonly field: string;
  readonly reason: string;
}

export interface ProblemDetails {
  readonly fields?: readonly FieldFault[];
  readonly retryAfterSeconds?: number;
  /** Value of the Allow header (405). */
  readonly allow?: string;
}

/** The one exception that routes and middleware throw; `app.onError` turns it into a response. */
export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly details: ProblemDetails;

  constructor(kind: ProblemKind, details: ProblemDetails = {}) {
    super(kind);
    this.kind = kind;
    this.details = details;
  }

  get status(): number {
    return problemTable[this.kind].status;
  }
}

/** A problem about one field of the request. */
export function fieldProblem(kind: ProblemKind, field: string, reason?: string): Problem {
  return new Problem(kind, { fields: [{ field, reason: reason ?? problemTable[kind].message }] });
}

/**
 * The body of a problem: RFC 9457 members, the fields at fault, and OpenAI's `error`.
 * @param urgentText what stands first where the question tells of an emergency, fault or not
 */
export function problemBody(problem: Problem, requestId: string, urgentText?: string | null) {
  const row: ProblemRow = problemTable[problem.kind];
  const fields = problem.details.fields ?? [];
  const named = fields.map(({ field, reason }) => `${field}: ${reason}`).join("; ");
  const detail = problem.kind === "invalid_request" && named !== "" ? named : row.message;
  return {
    type: `urn:medadapter:problem:${problem.kind}`,
    title: problem.kind.replaceAll("_", " "),
    status: row.status,
    detail,
    instance: `urn:medadapter:request:${requestId}`,
    code: problem.kind,
    errors: fields,
    ...(urgentText ? { urgent: true, urgent_text: urgentText } : {}),
    error: {
      message: detail,
      type: row.type,
      code: problem.kind,
      param: fields[0]?.field ?? null,
    },
  };
}

/** The response of a problem, with Retry-After and Allow where they belong. */
export function problemResponse(
  problem: Problem,
  requestId: string,
  urgentText?: string | null,
): Response {
  const headers = new Headers({ "content-type": "application/problem+json" });
  const retry = problem.details.retryAfterSeconds ?? DEFAULT_RETRY_SECONDS[problem.kind];
  if (retry !== undefined) headers.set("retry-after", String(Math.max(1, Math.ceil(retry))));
  if (problem.details.allow !== undefined) headers.set("allow", problem.details.allow);
  // RFC 9110 wants a challenge with every 401.
  if (problem.status === 401) headers.set("www-authenticate", 'Bearer realm="medadapter"');
  const body = JSON.stringify(problemBody(problem, requestId, urgentText));
  return new Response(body, { status: problem.status, headers });
}
