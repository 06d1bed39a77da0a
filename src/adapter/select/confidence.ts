/** How likely the chosen answer is right, told only where that was measured. */
import type { Manifest } from "../manifest.ts";
import { sigmoid } from "../score.ts";
import type { SelectorGroup } from "./selector.ts";
import type { ConfidenceReason, Strategy } from "./types.ts";

export type Confidence =
  | { readonly value: number; readonly reason: null }
  | { readonly value: null; readonly reason: ConfidenceReason };

export interface ConfidenceInput {
  readonly strategy: Strategy;
  readonly manifest: Manifest | null;
  readonly group: SelectorGroup | null;
  /** Answer score of the winner: the selector's logit. Null where nothing parsed. */
  readonly winnerScore: number | null;
  /** A candidate came without a score. */
  readonly incomplete: boolean;
  readonly llm: string;
  readonly task: string;
}

/** sigmoid(a * answer score + b), fitted on held-out questions, or null with the first reason that applies. */
export function confidenceOf(input: ConfidenceInput): Confidence {
  const { strategy, manifest, group, winnerScore, incomplete, llm, task } = input;
  if (manifest === null || incomplete) return none("degraded");
  if (winnerScore === null) return none("no_answer");
  if (group === null) return none("not_calibrated");
  if (strategy !== "weighted_vote") return none("not_calibrated_for_strategy");
  const validated = manifest.validatedOn.some((pair) => pair.llm === llm && pair.task === task);
  if (!validated) return none("not_validated_for_llm_task");
  const { a, b } = group.confidence;
  return { value: sigmoid(a * winnerScore + b), reason: null };
}

function none(reason: ConfidenceReason): Confidence {
  return { value: null, reason };
}
