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
  readonly evidenceUnseen: boolean;
}

/** sigmoid(a * answer score + b), fitted on held-out questions, or null with the first reason that applies. */
export function confidenceOf(input: ConfidenceInput): Confidence {
  const { strategy, manifest, group, winnerScore, incomplete } = input;
  if (manifest === null || incomplete) return none("degraded");
  if (winnerScore === null) return none("no_answer");
  if (group === null) return none("not_calibrated");
  if (strategy !== "weighted_vote") return none("not_calibrated_for_strategy");
  if (!isValidated(manifest, input)) return none("not_validated_for_llm_task");
  const { a, b } = group.confidence;
  return { value: sigmoid(a * winnerScore + b), reason: null };
}

function isValidated(
  { validatedOn }: Manifest,
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
