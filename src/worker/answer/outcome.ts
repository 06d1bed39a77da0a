/**
 * What leads while candidates come, and the end of the pipeline: what was chosen, with every figure that led there; or
 * one problem for all failures of the LLM, where it gave nothing.
 */
import type { Selection, Strategy } from "../../adapter/select/candidates.ts";
import { select } from "../../adapter/select/select.ts";
import {
  type Candidate,
  type GenerateEvent,
  type GenerateFailure,
  isSpoken,
  type TokenUsage,
} from "../../llm/generator.ts";
import { isEnglish } from "../../tasks/english.ts";
import { isEvidenceUnseen, type Question, readByAdapter } from "../../tasks/question.ts";
import type { DegradedReason } from "../adapters/source.ts";
import { Problem, type ProblemKind } from "../http/problems.ts";
import type { Ask } from "./ask.ts";
import type { Scoring, ScoringFigures, ScoringState, ServingAdapter } from "./scoring.ts";

/** Why `k: "auto"` asked for no more candidates. */
export const K_STOPS = [
  /** The leading answer is likely to stay ahead. */
  "settled",
  /** As many as `max_k` allows. */
  "max_k",
  /** The adapter's manifest has no stopping rule: `max_k` candidates were asked for. */
  "no_rule",
  /** Without scores there is no rule either: `max_k` candidates were asked for. */
  "degraded",
  /** A wave brought nothing. */
  "llm_failed",
] as const;
export type KStop = (typeof K_STOPS)[number];

/** A candidate with its parsed answer and, where the adapter ran, its score. */
export interface RankedCandidate extends Candidate {
  readonly answer: string | null;
  readonly logit: number | null;
  readonly probability: number | null;
  readonly truncated: boolean;
  /** From the start until it came whole, and until it was scored (null where it was not). Milliseconds. */
  readonly arrivedMs: number;
  readonly scoredMs: number | null;
}

export interface Timing {
  readonly totalMs: number;
  readonly llmMs: number;
  readonly afterLlmMs: number;
}

export interface Outcome {
  readonly ask: Ask;
  readonly selection: Selection;
  /** The strategy that really chose. */
  readonly strategy: Strategy;
  /** Best first. */
  readonly candidates: readonly RankedCandidate[];
  /** The chosen candidate; null when abstained. */
  readonly chosen: RankedCandidate | null;
  readonly failed: ReadonlyMap<GenerateFailure, number>;
  /** Candidates asked for, and why no more where K was left to the service. */
  readonly asked: number;
  readonly kStopped: KStop | null;
  readonly degraded: DegradedReason | null;
  /** The question or most candidates are not English, on which alone scores are validated. */
  readonly otherLanguage: boolean;
  readonly adapter: ServingAdapter | null;
  readonly truncated: boolean;
  readonly usage: TokenUsage;
  /** Parameters of the request that the model does not take: they had no effect. */
  readonly ignored: readonly string[];
  readonly figures: ScoringFigures;
  readonly timing: Timing;
  /** Whether it was kept; null where that was not asked for. */
  readonly stored: boolean | null;
}

/** What leads for now: the answer, the candidate that shows it, and the votes. */
export type Leader = Pick<Selection, "answer" | "index" | "votes">;

/** What would be chosen were these all. */
export function leaderOf(
  ask: Ask,
  candidates: readonly RankedCandidate[],
  scoring: ScoringState,
): Leader {
  const { answer, index, votes } = choose({ ...ask, abstain: null }, candidates, scoring).selection;
  return { answer, index, votes };
}

/** Chooses among the candidates by the strategy asked for, or by majority where there are no scores. */
export function conclude(
  ask: Ask,
  candidates: readonly RankedCandidate[],
  scoring: Scoring,
  rest: Pick<Outcome, "failed" | "usage" | "ignored" | "asked" | "kStopped"> & {
    startedAt: number;
    llmEndedAt: number;
  },
): Outcome {
  const otherLanguage = isOtherLanguage(ask.question, candidates.filter(isSpoken));
  const { selection, strategy, spoken } = choose(ask, candidates, scoring.state, otherLanguage);
  const empty = candidates.filter((candidate) => !isSpoken(candidate));
  const byIndex = new Map(spoken.map((candidate) => [candidate.index, candidate]));
  const now = performance.now();
  return {
    ask,
    selection,
    strategy,
    candidates: [...selection.ranking.flatMap((index) => byIndex.get(index) ?? []), ...empty],
    chosen: selection.index === null ? null : (byIndex.get(selection.index) ?? null),
    failed: rest.failed,
    asked: rest.asked,
    kStopped: rest.kStopped,
    degraded: scoring.state.kind === "degraded" ? scoring.state.reason : null,
    otherLanguage,
    adapter: scoring.adapter,
    truncated: scoring.truncated,
    usage: rest.usage,
    ignored: rest.ignored,
    figures: scoring.figures,
    timing: {
      totalMs: now - rest.startedAt,
      llmMs: rest.llmEndedAt - rest.startedAt,
      afterLlmMs: now - rest.llmEndedAt,
    },
    stored: null,
  };
}

/** Whether the question, what it is answered from, or more than half of the candidates are not English. */
function isOtherLanguage(question: Question, candidates: readonly RankedCandidate[]): boolean {
  const asked = [question.question, ...question.options.map(({ text }) => text)].join("\n");
  if (!isEnglish(asked) || !isEnglish(readByAdapter(question) ?? "")) return true;
  return candidates.filter(({ text }) => !isEnglish(text)).length * 2 > candidates.length;
}

/** An empty candidate says nothing: it has no part in the choice. */
function choose(
  ask: Ask,
  candidates: readonly RankedCandidate[],
  scoring: ScoringState,
  otherLanguage = false,
) {
  const preferred = ask.task.kind === "free" ? "best_of" : "weighted_vote";
  const strategy = scoring.kind === "degraded" ? "vote" : (ask.strategy ?? preferred);
  const spoken = candidates.filter(isSpoken);
  const selection = select({
    strategy,
    candidates: spoken,
    options: ask.question.options,
    hasContext: readByAdapter(ask.question) !== null,
    evidenceUnseen: isEvidenceUnseen(ask.question),
    otherLanguage,
    manifest: scoring.kind === "open" ? scoring.served.ranker.manifest : null,
    llm: ask.model,
    task: ask.task.id,
    abstain: ask.abstain,
  });
  return { selection, strategy, spoken };
}

const kinds = {
  not_recorded: "question_not_recorded",
  unauthorized: "upstream_unauthorized",
  quota: "upstream_quota",
  rate_limited: "upstream_rate_limited",
  unknown_model: "upstream_unknown_model",
  context_too_long: "upstream_context_too_long",
  token_limit: "upstream_token_limit",
  filtered: "upstream_filtered",
  refused_connection: "upstream_unreachable",
  bad_request: "upstream_refused",
  declined: "upstream_declined",
  server_error: "upstream_error",
  timeout: "upstream_timeout",
  cut_stream: "upstream_cut",
  malformed: "upstream_malformed",
  too_large: "upstream_too_large",
  no_choices: "upstream_empty",
  aborted: "client_closed",
} as const satisfies Record<GenerateFailure, ProblemKind>;

/** When reasons differ, the one that tells most comes first: in the order above. */
const order = Object.keys(kinds) as GenerateFailure[];

/** Failures that pass by waiting. */
const PASSING: ReadonlySet<GenerateFailure> = new Set(["rate_limited", "quota"]);

/**
 * The problem of a request without a single candidate that holds text.
 * @param limits tokens that each candidate was allowed, and the most that this deployment lets a request have
 */
export function llmProblem(
  failures: readonly Extract<GenerateEvent, { kind: "failed" }>[],
  candidates: readonly Candidate[],
  { maxTokens, most }: { readonly maxTokens: number; readonly most: number },
) {
  const reasons = new Set(failures.map(({ reason }) => reason));
  const first = order.find((reason) => reasons.has(reason));
  if (first === undefined && candidates.some(({ cutBy }) => cutBy === "thinking")) {
    const more =
      maxTokens < most
        ? `this deployment allows up to ${most}`
        : "this deployment's MAX_TOKENS allows no more";
    const reason = `${maxTokens} were allowed for each candidate; ${more}`;
    return new Problem("upstream_only_thinking", { fields: [{ field: "max_tokens", reason }] });
  }
  const parameters = new Set(failures.flatMap(({ parameter }) => parameter ?? []));
  const waits = failures.flatMap(({ retryAfterSeconds }) => retryAfterSeconds ?? []);
  return new Problem(first === undefined ? "upstream_empty" : kinds[first], {
    ...(waits.length > 0 && first !== undefined && PASSING.has(first)
      ? { retryAfterSeconds: Math.max(...waits) }
      : {}),
    ...(first === "bad_request" && parameters.size > 0
      ? { fields: [...parameters].map((field) => ({ field, reason: "the LLM refuses it" })) }
      : {}),
  });
}
