/**
 * How likely the chosen answer is right, given only where that was measured; and when not to answer: below a confidence,
 * or by a wanted error rate among answered questions.
 */
import { sigmoid } from "../ranker.ts";
import type { Abstain, AbstainReason, ConfidenceReason, Fitted, Strategy } from "./candidates.ts";
import type { SelectorGroup } from "./selector.ts";

export type Confidence =
  | { readonly value: number; readonly reason: null }
  | { readonly value: null; readonly reason: ConfidenceReason };

/** With fewer parsed candidates there is no confidence: their agreement says too little (docs/calibrating.md). */
export const LEAST_CANDIDATES = 3;

export interface ConfidenceInput {
  readonly strategy: Strategy;
  readonly manifest: Fitted | null;
  readonly group: SelectorGroup | null;
  /** Answer score of the winner: the selector's logit. Null where nothing parsed. */
  readonly winnerScore: number | null;
  /** Candidates with an answer, or all of free text. */
  readonly parsed: number;
  /** A candidate came without a score. */
  readonly incomplete: boolean;
  readonly llm: string;
  readonly task: string;
  readonly evidenceUnseen: boolean;
  /** The question or most candidates are not English: adapters are validated on English alone. */
  readonly otherLanguage?: boolean;
}

/**
 * sigmoid(a * answer score + b), fitted on held-out questions, or null with the first reason that applies. With n
 * candidates, fewer than the N of the fit, the logit is lower by |c| (1/n - 1/N): three that agree say less than eight.
 */
export function confidenceOf(input: ConfidenceInput): Confidence {
  const { strategy, manifest, group, winnerScore, incomplete, parsed } = input;
  if (manifest === null || incomplete) return none("degraded");
  if (winnerScore === null) return none("no_answer");
  if (input.otherLanguage === true) return none("language_not_validated");
  if (group === null) return none("not_calibrated");
  if (strategy !== "weighted_vote") return none("not_calibrated_for_strategy");
  if (!isValidated(manifest, input)) return none("not_validated_for_llm_task");
  if (parsed < LEAST_CANDIDATES) return none("too_few_candidates");
  const { a, b, few } = group.confidence;
  const lowered = (few?.c ?? 0) * fewStep(few, parsed);
  return { value: sigmoid(a * winnerScore + b + lowered), reason: null };
}

/** 1/n - 1/N: by how much n candidates are fewer than the N that a group was fitted with; 0 for as many or more. */
export function fewStep(few: SelectorGroup["confidence"]["few"], parsed: number): number {
  return few === undefined ? 0 : Math.max(0, 1 / parsed - 1 / few.candidates);
}

function isValidated(
  { validatedOn }: Fitted,
  { llm, task, evidenceUnseen }: ConfidenceInput,
): boolean {
  const evidence = evidenceUnseen ? "unseen" : undefined;
  return validatedOn.some(
    (pair) => pair.llm === llm && pair.task === task && pair.evidence === evidence,
  );
}

function none(reason: ConfidenceReason): Confidence {
  return { value: null, reason };
}

/**
 * Why to give no answer; null: give it. If the caller set a condition and there is no confidence, no answer is given:
 * nothing could be promised.
 */
export function abstainReason(
  abstain: Abstain | null,
  confidence: number | null,
  manifest: Fitted | null,
): AbstainReason | null {
  if (abstain === null) return null;
  if (confidence === null || manifest === null) return "no_confidence";
  if (abstain.kind === "below") return confidence < abstain.threshold ? "below_threshold" : null;
  const threshold = thresholdFor(abstain.targetError, manifest.abstention);
  if (typeof threshold !== "number") return threshold;
  return confidence < threshold ? "below_threshold" : null;
}

/**
 * The threshold of the wanted error rate, or of the nearest stricter rate that was fitted and is attainable: a threshold
 * that keeps 5 % also keeps 7 %.
 */
function thresholdFor(
  targetError: number,
  abstention: Fitted["abstention"],
): number | "target_not_fitted" | "target_unattainable" {
  // Both rates come from decimal text: equal ones may differ in the last bit.
  const strictEnough = abstention.filter((entry) => entry.targetError <= targetError + 1e-9);
  if (strictEnough.length === 0) return "target_not_fitted";
  const loosestFirst = strictEnough.sort((x, y) => y.targetError - x.targetError);
  return loosestFirst.find((entry) => entry.threshold !== null)?.threshold ?? "target_unattainable";
}
