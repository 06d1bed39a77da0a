/** Whether a canary is still within its bounds. */
import type { Bounds } from "../../adapter/pointer.ts";
import type { Counts, StopReason } from "./guard.ts";

/**
 * The first bound that is broken, or null. Rates are taken as they are, without an interval around them: stopping a good
 * canary costs a second try, going on with a bad one costs wrong answers. What has fewer than `minRequests` behind it is
 * not judged.
 */
export function judge(bounds: Bounds, canary: Counts, stable: Counts): StopReason | null {
  const { minRequests } = bounds;
  const failureRate = rate(canary.failures, canary.requests, minRequests);
  if (failureRate !== null && failureRate > bounds.maxFailureRate) return "failure_rate";
  const withheld = [canary, stable].map(({ answers, abstentions }) =>
    rate(abstentions, answers + abstentions, minRequests),
  );
  const [ofCanary = null, ofStable = null] = withheld;
  if (
    ofCanary !== null &&
    ofStable !== null &&
    Math.abs(ofCanary - ofStable) > bounds.maxAbstentionDifference
  ) {
    return "abstention_difference";
  }
  const agreement = rate(canary.agreed, canary.compared, minRequests);
  return agreement !== null && agreement < bounds.minAgreement ? "agreement" : null;
}

function rate(part: number, whole: number, least: number): number | null {
  return whole < least ? null : part / whole;
}
