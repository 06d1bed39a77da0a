/**
 * What leads while candidates come, and the end of the pipeline: what was chosen, with every figure that led there; or
 * one problem for all failures of the LLM, where it gave nothing.
 */
import type { PlanInPlay, Selection, Strategy } from "../../adapter/select/candidates.ts";
import type { PlanFit } from "../../adapter/select/planFit.ts";
import { planGroup } from "../../adapter/select/planScore.ts";
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
import { adapterId } from "../http/log.ts";
import { Problem, type ProblemKind } from "../http/problems.ts";
import type { Bounded } from "../plans/bounds.ts";
import type { Llm } from "../plans/llms.ts";
import type { Escalation, KStop, Schedule, Skipped } from "../plans/schedule.ts";
import type { Ask } from "./ask.ts";
import type { Scoring, ScoringFigures, ScoringState, ServingAdapter } from "./scoring.ts";
import type { LlmUsage, Spending } from "./spending.ts";

/** A candidate that did not come. */
export type Failure = Extract<GenerateEvent, { kind: "failed" }>;

/** A candidate with its parsed answer and, where the adapter ran, its score. */
export interface RankedCandidate extends Candidate {
  /** Who wrote it, and in which stage of the plan, from 1. */
  readonly llm: Llm;
  readonly stage: number;
  /** The LLM's name. */
  readonly source: string;
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
  /** Indices of the candidates that the choice was made among. */
  readonly deciding: readonly number[];
  /** The model's name at its provider, where one LLM alone wrote; null: several did. */
  readonly writer: string | null;
  /** What was fitted for the plan; null: nothing. */
  readonly fit: PlanFit | null;
  /** Stages that were entered after the first, and why. */
  readonly escalations: readonly Escalation[];
  /** LLMs that were asked for less than the plan says. */
  readonly skipped: readonly Skipped[];
  /** What the caller's bounds took away from the plan. */
  readonly bounded: readonly Bounded[];
  /** What each LLM was asked and wrote. */
  readonly used: readonly LlmUsage[];
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
  fit: PlanFit | null,
): Leader {
  const all = { ...ask, abstain: null };
  const { answer, index, votes } = choose(all, candidates, scoring, fit).selection;
  return { answer, index, votes };
}

/** Chooses among the candidates by the strategy asked for, or by majority where there are no scores. */
export function conclude(
  ask: Ask,
  candidates: readonly RankedCandidate[],
  scoring: Scoring,
  rest: Pick<Outcome, "failed" | "ignored" | "fit"> & {
    readonly schedule: Schedule;
    readonly spending: Spending;
    readonly startedAt: number;
    readonly llmEndedAt: number;
  },
): Outcome {
  const { schedule, spending } = rest;
  const otherLanguage = isOtherLanguage(ask.question, candidates.filter(isSpoken));
  const { selection, strategy, spoken, deciding } = choose(
    ask,
    candidates,
    scoring.state,
    rest.fit,
    otherLanguage,
  );
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
    asked: schedule.asked,
    kStopped: schedule.stopped,
    deciding,
    fit: rest.fit,
    writer: writerOf(spoken),
    escalations: schedule.escalations,
    skipped: schedule.skipped,
    bounded: schedule.bounded,
    used: spending.used,
    degraded: scoring.state.kind === "degraded" ? scoring.state.reason : null,
    otherLanguage,
    adapter: scoring.adapter,
    truncated: scoring.truncated,
    usage: spending.usage,
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
export function choose(
  ask: Ask,
  candidates: readonly RankedCandidate[],
  scoring: ScoringState,
  fit: PlanFit | null,
  otherLanguage = false,
) {
  const preferred = ask.task.kind === "free" ? "best_of" : "weighted_vote";
  const spoken = candidates.filter(isSpoken);
  const { options } = ask.question;
  const last = Math.max(...spoken.map(({ stage }) => stage));
  const plan =
    fit !== null && spoken.length > 0 && planGroup(fit, options, ask.task.id) !== null
      ? planInPlay(fit, scoring, last)
      : null;
  // A fitted plan weighs votes without scores, too.
  const canWeigh = scoring.kind !== "degraded" || plan !== null;
  const strategy = canWeigh ? (ask.strategy ?? preferred) : "vote";
  const of = (among: readonly RankedCandidate[]) =>
    select({
      strategy,
      candidates: among.map((one) => ({ ...one, stage: one.stage - 1 })),
      plan,
      options,
      hasContext: readByAdapter(ask.question) !== null,
      evidenceUnseen: isEvidenceUnseen(ask.question),
      otherLanguage,
      manifest: scoring.kind === "open" ? scoring.served.ranker.manifest : null,
      // No adapter is validated on candidates of several LLMs.
      llm: writerOf(spoken) ?? "",
      task: ask.task.id,
      abstain: ask.abstain,
    });
  const chosenFrom = plan === null ? decidingOf(spoken, options.length > 0) : spoken;
  const selection = of(chosenFrom);
  // The others have no part in the choice; they are listed after it.
  const others = of(spoken.filter((candidate) => !chosenFrom.includes(candidate))).ranking;
  const ranking = [...selection.ranking, ...others];
  const deciding = chosenFrom.map(({ index }) => index);
  return { selection: { ...selection, ranking }, strategy, spoken, deciding };
}

/** A fitted plan up to a stage, which counts from 1 here. */
export function planInPlay(fit: PlanFit, scoring: ScoringState, stage: number): PlanInPlay {
  const manifest = scoring.kind === "open" ? scoring.served.ranker.manifest : null;
  return { fit, stage: stage - 1, adapter: manifest === null ? null : adapterId(manifest) };
}

/**
 * Where nothing is fitted for the plan, its last stage decides: it is asked because it is stronger. Where its answers tie,
 * earlier stages decide between them.
 */
function decidingOf(
  spoken: readonly RankedCandidate[],
  hasOptions: boolean,
): readonly RankedCandidate[] {
  const read = spoken.filter(({ answer }) => !hasOptions || answer !== null);
  const last = Math.max(...read.map(({ stage }) => stage));
  const deciding = spoken.filter(({ stage }) => stage === last);
  if (read.length === 0 || !hasOptions) return read.length === 0 ? spoken : deciding;
  const counts = new Map<string, number>();
  for (const { answer } of deciding) {
    if (answer !== null) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  const tied = [...counts].flatMap(([answer, count]) => (count === most ? [answer] : []));
  if (tied.length < 2) return deciding;
  return spoken.filter(({ answer }) => answer !== null && tied.includes(answer));
}

/** The model that wrote all candidates, as its provider names it; null: several wrote. */
function writerOf(candidates: readonly RankedCandidate[]): string | null {
  const writers = new Set(candidates.map(({ llm }) => llm.model));
  const [first] = writers;
  return writers.size === 1 && first !== undefined ? first : null;
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
  failures: readonly Failure[],
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
