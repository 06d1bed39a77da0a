/** When not to answer: below a confidence, or by a wanted error rate among answered questions. */
import type { Abstain, AbstainReason, Fitted } from "./types.ts";

/**
 * Why to give no answer, or null to give it. A caller who set a condition is never answered without a
 * confidence: without one nothing can be promised.
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
 * The threshold of the wanted error rate, or of the nearest stricter one that has been fitted and can
 * be kept: what holds 5 % also holds 7 %.
 */
function thresholdFor(
  targetError: number,
  abstention: Fitted["abstention"],
): number | "target_not_fitted" | "target_unattainable" {
  // Rates come from decimal text on both sides; equal ones may differ in the last bit.
  const strictEnough = abstention.filter((entry) => entry.targetError <= targetError + 1e-9);
  if (strictEnough.length === 0) return "target_not_fitted";
  const loosestFirst = strictEnough.sort((x, y) => y.targetError - x.targetError);
  return loosestFirst.find((entry) => entry.threshold !== null)?.threshold ?? "target_unattainable";
}
