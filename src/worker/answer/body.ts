/**
 * An outcome on the wire: what `/v1/answer` sends and chat completions carry under `medadapter`, and what a chat's caller
 * reads: the n best candidates, or one sentence where the service abstained.
 */
import { isSpoken, type TokenUsage } from "../../llm/generator.ts";
import { tenths } from "../http/log.ts";
import { type Notices, urgentFirst } from "./emergencyNotice.ts";
import type { Outcome, RankedCandidate } from "./outcome.ts";
import { planParts, votesOf, wireUsage } from "./planBody.ts";
import type { AnswerBody } from "./schema.ts";

export type Include = readonly ("candidates" | "texts")[];

/** How an outcome is told. */
export interface BodyForm {
  readonly notices: Notices;
  readonly include: Include;
  /** Of the deployment's prices. */
  readonly currency: string;
}

/** Everything but `id`, `object`, `model` and `text`. */
export function answerParts(outcome: Outcome, { notices, include, currency }: BodyForm) {
  const { selection, ask, figures, timing, usage } = outcome;
  const free = ask.task.kind === "free";
  const listed = outcome.candidates.map((candidate, at) => {
    const { index, ...rest } = wireCandidate(candidate, include);
    return { index, rank: at + 1, ...rest };
  });
  return {
    answer: free ? (outcome.chosen?.text ?? null) : selection.answer,
    confidence: selection.confidence,
    confidence_reason: selection.confidenceReason,
    abstained: selection.abstained !== null,
    abstained_reason: selection.abstained,
    language_not_validated: outcome.otherLanguage,
    degraded: outcome.degraded !== null,
    degraded_reason: outcome.degraded,
    strategy: outcome.strategy,
    task: ask.task.id,
    adapter: outcome.adapter,
    ...(include.includes("candidates") ? { candidates: listed } : {}),
    k: outcome.asked,
    k_stopped: outcome.kStopped,
    failed: [...outcome.failed].map(([reason, count]) => ({ reason, count })),
    votes: votesOf(outcome.candidates),
    ...planParts(outcome, currency),
    truncated: outcome.truncated,
    ...(outcome.stored === null ? {} : { stored: outcome.stored }),
    ...(outcome.ignored.length === 0 ? {} : { ignored: [...outcome.ignored] }),
    usage: {
      ...tokenUsage(usage),
      adapter_tokens: figures.tokens,
      candidates_generated: outcome.candidates.length,
      candidates_scored: figures.scored,
      llms: wireUsage(outcome.used, currency),
    },
    timing: {
      total_ms: tenths(timing.totalMs),
      llm_ms: tenths(timing.llmMs),
      prefix_ms: figures.prefixMs === null ? null : tenths(figures.prefixMs),
      scoring_ms: tenths(figures.scoringMs),
      after_llm_ms: tenths(timing.afterLlmMs),
    },
    notice: notices.notice,
    urgent: notices.urgentText !== null,
    urgent_text: notices.urgentText,
  } satisfies Partial<AnswerBody>;
}

/** The LLM's tokens in OpenAI's names. */
export function tokenUsage({ promptTokens, completionTokens, reasoningTokens }: TokenUsage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    ...(reasoningTokens === undefined
      ? {}
      : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}

/** A candidate but for its place, which is known at the end only. */
export function wireCandidate(candidate: RankedCandidate, include: Include) {
  return {
    index: candidate.index,
    llm: candidate.source,
    stage: candidate.stage,
    answer: candidate.answer,
    score: candidate.logit,
    probability: candidate.probability,
    ...(include.includes("texts") ? { text: candidate.text } : {}),
    truncated: candidate.truncated,
    finish_reason: candidate.finishReason,
    state: candidate.state,
    cut_reason: candidate.cutBy,
    arrived_ms: tenths(candidate.arrivedMs),
    scored_ms: candidate.scoredMs === null ? null : tenths(candidate.scoredMs),
  };
}

export interface Choice {
  readonly index: number;
  readonly content: string;
  readonly finishReason: "stop" | "length" | "content_filter";
}

/** The n best, ranked: fewer where fewer candidates hold text. The first says first what is urgent. */
export function choicesOf(
  outcome: Outcome,
  n: number,
  abstainedText: string,
  notices: Notices,
): Choice[] {
  if (outcome.chosen === null) {
    return [{ index: 0, content: urgentFirst(notices, abstainedText), finishReason: "stop" }];
  }
  return outcome.candidates
    .filter(isSpoken)
    .slice(0, n)
    .map(({ text, finishReason }, index) => ({
      index,
      content: index === 0 ? urgentFirst(notices, text) : text,
      finishReason: finishReason === "other" ? "stop" : finishReason,
    }));
}
