/** Turns the SDK's errors into the port's named failures. Keeps no text of them. */
import { APIConnectionError, APIConnectionTimeoutError, APIError } from "openai";
import { retryAfterSeconds } from "../../net/response.ts";
import type { GenerateFailure } from "../generator.ts";
import { EventTooLarge } from "./guardedFetch.ts";

/** Why a call failed as a whole. */
export interface CallFailure {
  readonly reason: GenerateFailure;
  readonly status?: number;
  readonly retryAfterSeconds?: number;
}

/** Error codes of the replay server for a question or candidate that it has not recorded. */
const NOT_RECORDED = new Set(["question_not_recorded", "candidate_not_recorded"]);

/** @param streaming whether the response had begun */
export function classify(error: unknown, streaming: boolean): CallFailure {
  if (error instanceof APIConnectionTimeoutError) return { reason: "timeout" };
  if (error instanceof APIConnectionError) return { reason: "refused_connection" };
  if (error instanceof APIError) return ofApiError(error);
  if (error instanceof EventTooLarge) return { reason: "too_large" };
  if (error instanceof SyntaxError) return { reason: "malformed" };
  return { reason: streaming ? "cut_stream" : "refused_connection" };
}

function ofApiError({ status, code, type, headers }: APIError): CallFailure {
  if (status === undefined) {
    // An error object inside a stream that began well.
    const limited = code === "rate_limit_exceeded" || type === "rate_limit_error";
    return { reason: limited ? "rate_limited" : "server_error" };
  }
  const wait = headers && retryAfterSeconds(headers);
  const reason = NOT_RECORDED.has(code ?? "") ? "not_recorded" : ofStatus(status);
  return { reason, status, ...(wait === undefined ? {} : { retryAfterSeconds: wait }) };
}

function ofStatus(status: number): GenerateFailure {
  if (status >= 500) return "server_error";
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 408) return "timeout";
  if (status === 429) return "rate_limited";
  // A redirect is not followed: the configured address is not such an API.
  return status >= 400 ? "bad_request" : "malformed";
}

/** Parameters that some providers refuse, and that we can do without. */
export type RefusedParameter = "n" | "stream_options" | "max_tokens";

const NAMES_N =
  /["'`]n\\?["'`]|\bn\s*(?:=|>|<=|:)\s*\d|\bn (?:must|should|is)\b|\bparameter n\b|\b(?:one|multiple) (?:candidate|choice|completion)s?\b/iu;

/**
 * The parameter that an error response refuses; null: none that we know. If the error has a member that names it, only
 * that counts: the error's text may repeat what the caller asked.
 */
export function refusedParameter(
  { status }: CallFailure,
  errorBody: string,
): RefusedParameter | null {
  if (status !== 400 && status !== 422) return null;
  const named = namedParameters(errorBody);
  if (named.includes("n")) return "n";
  if (named.includes("stream_options")) return "stream_options";
  // The same member is named when the number is too large, so the text must name the other parameter.
  const limit = named.length === 0 || named.some((name) => TOKEN_LIMITS.has(name));
  if (limit && /max_completion_tokens/u.test(errorBody)) return "max_tokens";
  if (named.length > 0) return null;
  if (/stream_options/u.test(errorBody)) return "stream_options";
  return NAMES_N.test(errorBody) ? "n" : null;
}

const TOKEN_LIMITS: ReadonlySet<string> = new Set(["max_tokens", "max_completion_tokens"]);

/** Parameters that members of an error name: OpenAI's `error.param`, or FastAPI's `detail[].loc` (its second part). */
function namedParameters(errorBody: string): string[] {
  let body: unknown;
  try {
    body = JSON.parse(errorBody);
  } catch {
    return [];
  }
  const details = member(body, "detail");
  const places = Array.isArray(details) ? details.map((one) => member(member(one, "loc"), 1)) : [];
  const names = [member(member(body, "error"), "param"), member(body, "param"), ...places];
  return names.flatMap((name) =>
    typeof name === "string" && name !== "" ? [name.split(/[.[]/u)[0] ?? ""] : [],
  );
}

function member(value: unknown, name: PropertyKey): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
