/**
 * Names the causes of failures. Servers dress them differently: by status, by a code (text or number), by a type, in a
 * list, or as an event of a stream that began well. Keeps no text of them.
 */
import { fields } from "../../net/response.ts";
import type { GenerateFailure } from "../generator.ts";

/** Why a call failed as a whole. */
export interface CallFailure {
  readonly reason: GenerateFailure;
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  /** The parameter that is refused: one of ours, never a text of the server. */
  readonly parameter?: string;
}

/** What a server says of a fault, from whatever form it has. */
export interface ReportedError {
  /** HTTP status as a code in the body; null: none. */
  readonly status: number | null;
  /** Codes and types, in lower case. */
  readonly codes: readonly string[];
  /** The parameters that it names by a member of its own: OpenAI's `param`, FastAPI's `loc`. */
  readonly parameters: readonly string[];
  /** Read for causes that no code tells; never shown. */
  readonly message: string;
}

/** What is sent, in the names of the wire. */
const OURS = [
  ...["model", "messages", "temperature", "top_p", "max_tokens", "max_completion_tokens"],
  ...["stop", "seed", "user", "n", "reasoning_effort"],
] as const;

/** Longer messages are cut before they are searched. */
const MAX_MESSAGE = 8_192;

/** The error of a body or event: its text where it is no JSON; null where it holds none. */
export function errorOf(value: unknown): ReportedError | null {
  if (typeof value === "string") {
    const message = value.slice(0, MAX_MESSAGE);
    return { status: null, codes: [], parameters: [], message };
  }
  // Google answers with a list of one.
  const outer = fields(Array.isArray(value) ? value[0] : value);
  if (outer === null) return null;
  const own = Array.isArray(outer.error) ? outer.error[0] : outer.error;
  const inner = fields(own);
  const nested = fields(inner?.metadata) ?? fields(inner?.innererror) ?? {};
  const levels = [outer, ...(inner === null ? [] : [inner]), nested, fields(outer.message) ?? {}];
  const told = levels.flatMap((level) => [level.code, level.type, level.status, level.error_type]);
  const numbers = levels
    .flatMap((level) => [level.code, level.status, level.status_code])
    .map(Number)
    .filter((number) => Number.isInteger(number) && number >= 400 && number < 600);
  const texts = [
    ...(typeof own === "string" ? [own] : []),
    ...levels.flatMap((level) => [level.message, level.detail, level.error_description, level.raw]),
  ].map((text) => (typeof text === "string" ? text : JSON.stringify(text ?? "")));
  return {
    status: numbers[0] ?? null,
    codes: told
      .filter((code) => typeof code === "string" || typeof code === "number")
      .map((code) => String(code).toLowerCase()),
    parameters: levels.flatMap(namedParameters),
    message: texts.join(" ").slice(0, MAX_MESSAGE),
  };
}

/** Error codes of the replay server for a question or candidate that it has not recorded. */
const NOT_RECORDED = new Set(["question_not_recorded", "candidate_not_recorded"]);

/** A cause is told by a code, or by words of the message. The first that fits is the cause. */
const causes: readonly (readonly [GenerateFailure, RegExp, RegExp])[] = [
  [
    "quota",
    /^(?:3036|4006)$|insufficient_quota|billing|credit|payment_required|exceeded_current_quota|budget_exceeded/u,
    /\b(?:insufficient (?:quota|balance|credits?|funds)|exceeded your current quota|out of credits|credit balance|requires more credits|billing (?:hard )?limit|budget has been exceeded|payment required)\b/iu,
  ],
  [
    "rate_limited",
    /rate_?limit|too_many_requests|resource_exhausted|overloaded|throttl|quota|slow_down|capacity/u,
    /\b(?:rate.?limit|too many requests|overloaded|throttl|at capacity|quota exceeded|resource.{0,10}exhausted)/iu,
  ],
  [
    "filtered",
    /content_?filter|content_policy|responsibleai|moderation|safety|policy_violation|data_inspection_failed|sensitive/u,
    /\b(?:content (?:management )?(?:policy|filter)|(?:was|been|is) flagged|blocked by.{0,30}(?:safety|policy|moderation)|safety system)/iu,
  ],
  [
    "context_too_long",
    /context_length|context_window|exceed_context_size|prompt_too_long|input_too_long|string_above_max_length/u,
    /\b(?:(?:maximum|max) context|context (?:length|window|size)|prompt is too long|input (?:is|was) too long|too many (?:input |prompt )?tokens|(?:exceeds?|larger than|longer than|greater than).{0,40}(?:context|n_ctx|max_model_len|input tokens)|reduce the length of|tokens.{0,30}must be <=)/iu,
  ],
  [
    "unknown_model",
    /model_not_found|unknown_model|invalid_model|no_such_model|model_not_supported|deploymentnotfound|model_unavailable/u,
    /(?:\bmodel\b.{0,120}\b(?:not (?:be )?found|does not exist|doesn't exist|is not (?:available|supported|a valid)|unknown|no longer available)|\b(?:invalid|unknown|no such|not a valid) model\b|try pulling it)/iu,
  ],
  [
    "unauthorized",
    /invalid_api_key|authentication|unauthorized|unauthenticated|permission_denied|access_denied|no_db_connection/u,
    /\b(?:(?:invalid|incorrect|missing|wrong|no) (?:api.?key|token|credentials|authentication)|unauthori[sz]ed|not authenticated|api key (?:is )?(?:invalid|missing|not valid))\b/iu,
  ],
  [
    "token_limit",
    /max_tokens_exceeded/u,
    /\b(?:max_(?:completion_|output_|new_)?tokens)\b.{0,120}\b(?:too (?:large|high|big)|at most|less than|exceed|greater than|maximum|<=)/iu,
  ],
];

/** The failure of a response that is none. @param wait seconds, from its headers */
export function failureOf(
  status: number,
  error: ReportedError | null,
  wait?: number | undefined,
): CallFailure {
  const reason = reasonOf(status, error);
  const parameter = OURS.find((name) => error?.parameters.includes(name));
  return {
    reason,
    status,
    ...(wait === undefined ? {} : { retryAfterSeconds: wait }),
    ...(reason === "bad_request" && parameter !== undefined ? { parameter } : {}),
  };
}

/** The failure that a server reports in a response that began well (status 200). */
export function reportedFailure(error: ReportedError, wait?: number | undefined): CallFailure {
  const reason = reasonOf(error.status ?? 500, error);
  return { reason, ...(wait === undefined ? {} : { retryAfterSeconds: wait }) };
}

function reasonOf(status: number, error: ReportedError | null): GenerateFailure {
  const codes = error?.codes ?? [];
  if (codes.some((code) => NOT_RECORDED.has(code))) return "not_recorded";
  const clear = ofStatus(status);
  const told = causes.find(([, byCode]) => codes.some((code) => byCode.test(code)))?.[0];
  // What a status says for certain is not overruled by words; a code of the server may be more exact.
  if (told !== undefined && allowed(told, clear)) return told;
  const said = causes.find(([, , byWords]) => byWords.test(error?.message ?? ""))?.[0];
  return said !== undefined && allowed(said, clear) ? said : clear;
}

/** Whether a cause may stand for what the status alone says. */
function allowed(cause: GenerateFailure, clear: GenerateFailure): boolean {
  if (clear === "rate_limited") return cause === "quota";
  if (clear === "quota") return cause === "rate_limited";
  // 403 is what OpenRouter says of moderation, and others of a model.
  if (clear === "unauthorized") return cause !== "token_limit" && cause !== "context_too_long";
  return true;
}

function ofStatus(status: number): GenerateFailure {
  switch (status) {
    case 401:
    case 403:
      return "unauthorized";
    case 402:
      return "quota";
    case 408:
    case 504:
      return "timeout";
    case 413:
      return "context_too_long";
    case 429:
    case 529:
      return "rate_limited";
    default:
      if (status >= 500) return "server_error";
      // A redirect is not followed: the configured address is not such an API.
      return status >= 400 ? "bad_request" : "malformed";
  }
}

function namedParameters(level: Readonly<Record<string, unknown>>): string[] {
  const details = fields(level.message)?.detail ?? level.detail;
  const places = Array.isArray(details)
    ? details.map((one) => {
        const loc = fields(one)?.loc;
        return Array.isArray(loc) ? loc[1] : undefined;
      })
    : [];
  return [level.param, ...places].flatMap((name) =>
    typeof name === "string" && name !== "" ? [name.split(/[.[]/u)[0] ?? ""] : [],
  );
}
