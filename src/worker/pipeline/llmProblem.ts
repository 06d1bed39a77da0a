/** What the caller gets when the LLM gave nothing: one problem for all its failures. */
import type { GenerateEvent, GenerateFailure } from "../../llm/generator.ts";
import { Problem, type ProblemKind } from "../errors/problems.ts";

const kinds: Record<GenerateFailure, ProblemKind> = {
  not_recorded: "question_not_recorded",
  unauthorized: "upstream_unauthorized",
  rate_limited: "upstream_rate_limited",
  refused_connection: "upstream_unreachable",
  bad_request: "upstream_refused",
  server_error: "upstream_error",
  timeout: "upstream_timeout",
  cut_stream: "upstream_cut",
  malformed: "upstream_malformed",
  too_large: "upstream_too_large",
  no_choices: "upstream_empty",
  aborted: "client_closed",
};

/** When reasons differ, the one that tells most comes first: in the order above. */
const order = Object.keys(kinds) as GenerateFailure[];

/** The problem of a request without a single candidate that holds text. */
export function llmProblem(failures: readonly Extract<GenerateEvent, { kind: "failed" }>[]) {
  const reasons = new Set(failures.map(({ reason }) => reason));
  const first = order.find((reason) => reasons.has(reason));
  const waits = failures.flatMap(({ retryAfterSeconds }) => retryAfterSeconds ?? []);
  return new Problem(first === undefined ? "upstream_empty" : kinds[first], {
    ...(waits.length > 0 && first === "rate_limited"
      ? { retryAfterSeconds: Math.max(...waits) }
      : {}),
  });
}
