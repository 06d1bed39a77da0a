/**
 * The named failures of all routes, each with its status, public message and OpenAI's error type. A feature keeps its own
 * failures beside its code (`defineProblems`).
 */

/** OpenAI's `error.type`. */
type ErrorType =
  | "invalid_request_error"
  | "not_found_error"
  | "insufficient_quota"
  | "requests"
  | "api_error"
  | "overloaded_error";

export interface ProblemRow {
  readonly status: number;
  readonly type: ErrorType;
  readonly message: string;
  /** Seconds that a client is told to wait where the failure itself does not say. */
  readonly retrySeconds?: number;
}

const bad = (message: string): ProblemRow => ({
  status: 400,
  type: "invalid_request_error",
  message,
});
const upstream = (status: 502 | 503 | 504, message: string): ProblemRow => ({
  status,
  type: "api_error",
  message,
});

export const problemTable = {
  invalid_request: bad("The request has a field that is missing or not valid."),
  malformed_json: bad("The body is not valid JSON."),
  unsupported_parameter: bad("The request has a field that this service does not support."),
  unknown_task: bad("This task is not known: GET /v1/models lists the tasks."),
  unknown_adapter: {
    status: 404,
    type: "invalid_request_error",
    message: "This adapter, or this version of it, is not known: GET /v1/adapters lists them.",
  },
  question_too_long: bad(
    "Question and options are longer than the adapter can read. Only the context may be long: it is cut where needed.",
  ),
  unknown_model: {
    status: 404,
    type: "invalid_request_error",
    message: "This model is not known: GET /v1/models lists the models.",
  },
  question_not_recorded: {
    status: 404,
    type: "not_found_error",
    message:
      "The LLM behind this service is a replay of recordings and has none for this question: ask a question of examples/recorded or examples/questions, or set LLM_BASE_URL to a real LLM (for example an Ollama at http://127.0.0.1:11434/v1) and LLM_MODEL.",
  },
  not_found: { status: 404, type: "not_found_error", message: "There is nothing here." },
  invalid_api_key: {
    status: 401,
    type: "invalid_request_error",
    message: "No valid API key or token: send one in the header Authorization: Bearer ...",
  },
  insufficient_scope: {
    status: 403,
    type: "invalid_request_error",
    message: "This key or token may not do that: its scopes do not cover it.",
  },
  insufficient_quota: {
    status: 429,
    type: "insufficient_quota",
    message: "This key's requests of the month are used up: see X-RateLimit-Reset-Requests.",
  },
  spending_cap_reached: {
    status: 429,
    type: "insufficient_quota",
    message:
      "What this request can cost does not fit under the spending cap: see `spending`. A request with a lower `max_cost`, fewer candidates or fewer tokens may fit.",
  },
  llm_price_unknown: {
    status: 403,
    type: "invalid_request_error",
    message:
      "This key or token has a spending cap, and an LLM of this model has no price by which to keep it: ask for a model whose LLMs have prices (GET /v1/models).",
  },
  rate_limit_exceeded: {
    status: 429,
    type: "requests",
    message: "Too many requests at once. Slow down.",
  },
  idempotency_unavailable: bad(
    "This service does not take Idempotency-Key: it has no secret to keep answers with.",
  ),
  storage_unavailable: bad(
    "This service keeps no content: it has no secret to encrypt it with, or no bucket for it.",
  ),
  idempotency_in_progress: {
    status: 409,
    type: "invalid_request_error",
    message: "An earlier request with this Idempotency-Key is still running. Try again later.",
    retrySeconds: 2,
  },
  idempotency_key_reused: {
    status: 422,
    type: "invalid_request_error",
    message:
      "This Idempotency-Key was used with another request: another body, or another Accept header.",
  },
  access_unavailable: {
    status: 503,
    type: "api_error",
    message: "Keys or tokens cannot be checked now. Try again later.",
    retrySeconds: 5,
  },
  ledger_unavailable: {
    status: 503,
    type: "api_error",
    message: "Usage cannot be counted now, so nothing is answered. Try again later.",
    retrySeconds: 2,
  },
  method_not_allowed: {
    status: 405,
    type: "invalid_request_error",
    message: "This method is not allowed here: the Allow header lists those that are.",
  },
  body_too_large: {
    status: 413,
    type: "invalid_request_error",
    message: "The body is larger than 1 MiB.",
  },
  upload_stalled: {
    status: 408,
    type: "invalid_request_error",
    message: "The body came too slowly: no byte for 10 seconds, or not whole within a minute.",
  },
  unsupported_media_type: {
    status: 415,
    type: "invalid_request_error",
    message: "The body must be JSON, with the header content-type: application/json.",
  },
  upstream_unreachable: upstream(502, "The LLM could not be reached."),
  upstream_unauthorized: upstream(502, "The LLM refused this service's credentials."),
  upstream_refused: upstream(502, "The LLM refused the request."),
  upstream_rate_limited: {
    ...upstream(503, "The LLM is rate limited. Try again later."),
    retrySeconds: 10,
  },
  upstream_quota: {
    ...upstream(503, "The LLM's account has no quota or credit left. Try again later."),
    retrySeconds: 60,
  },
  upstream_unknown_model: upstream(502, "The LLM's server does not have the configured model."),
  upstream_context_too_long: upstream(
    502,
    "The question, with its context and the tokens asked for, is longer than the LLM can read.",
  ),
  upstream_token_limit: upstream(502, "The LLM does not write as many tokens as were asked for."),
  upstream_filtered: upstream(502, "A content filter of the LLM's provider stopped the answer."),
  upstream_declined: upstream(502, "The LLM declined to answer."),
  upstream_only_thinking: upstream(
    502,
    "The LLM spent its whole token limit on thinking and wrote no answer. Raise the limit.",
  ),
  upstream_error: upstream(502, "The LLM failed."),
  upstream_timeout: upstream(504, "The LLM did not answer in time."),
  upstream_cut: upstream(502, "The LLM's answer broke off."),
  upstream_malformed: upstream(502, "The LLM's answer could not be read."),
  upstream_too_large: upstream(502, "The LLM's answer was too large."),
  upstream_empty: upstream(502, "The LLM returned no text."),
  client_closed: { status: 499, type: "api_error", message: "The client left." },
  adapter_unavailable: {
    status: 503,
    type: "api_error",
    message: "No adapter is loaded, so nothing can be scored: /readyz says why.",
    retrySeconds: 10,
  },
  overloaded: {
    status: 503,
    type: "overloaded_error",
    message: "Too many requests are being scored at once. Try again later.",
    retrySeconds: 2,
  },
  misconfigured: {
    status: 500,
    type: "api_error",
    message: "This service is not configured: /readyz names the variables.",
  },
  internal: { status: 500, type: "api_error", message: "Something went wrong inside the service." },
} as const satisfies Record<string, ProblemRow>;

/** The kinds of problem, by name. A feature declares its own beside its `defineProblems`. */
export interface ProblemKinds extends Record<keyof typeof problemTable, true> {}
export type ProblemKind = keyof ProblemKinds;

/** A feature's own problem: give it to `new Problem(...)` in place of a kind of the table. */
export interface DefinedProblem {
  readonly kind: ProblemKind;
  readonly row: ProblemRow;
}

/** Makes a feature's problems from their rows, by kind. */
export function defineProblems<Kind extends ProblemKind>(
  rows: Readonly<Record<Kind, ProblemRow>>,
): Readonly<Record<Kind, DefinedProblem>> {
  const entries = Object.entries<ProblemRow>(rows).map(([kind, row]) => [kind, { kind, row }]);
  return Object.fromEntries(entries) as Record<Kind, DefinedProblem>;
}
