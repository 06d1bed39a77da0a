/**
 * How many candidates to ask for when the caller says `k: "auto"`: a first wave, then small ones, until
 * it is likely enough that the leading answer stays ahead.
 *
 * The leader and the runner-up are compared as in Adaptive-Consistency (arXiv 2305.11860, section 3,
 * the Beta criterion): with a uniform prior the leader's share among the two is Beta(l + 1, r + 1), and
 * the probability that it is over one half is the chance to stay ahead. Here l and r are not counts of
 * votes but sums of candidate probabilities, so a confident adapter stops sooner.
 */
import type { Manifest } from "../manifest.ts";
import { regularizedBeta } from "./beta.ts";
import type { ScoredCandidate } from "./types.ts";
import { type Unit, unitsOf } from "./units.ts";

export type AdaptiveK = NonNullable<Manifest["adaptiveK"]>;

/**
 * Number of candidates to ask for next; 0 to stop.
 * @param spent candidates asked for so far, those that failed included, so that the loop ends
 */
export function nextWave(
  rule: AdaptiveK,
  candidates: readonly ScoredCandidate[],
  hasOptions: boolean,
  spent: number,
  maxK: number,
): number {
  if (spent === 0) return Math.min(rule.first, maxK);
  if (spent >= maxK) return 0;
  const settled = leaderStaysAhead(candidates, hasOptions) >= rule.threshold;
  return settled ? 0 : Math.min(rule.step, maxK - spent);
}

/** Probability that the leading answer stays ahead of the next one; 0 while nothing has parsed. */
export function leaderStaysAhead(
  candidates: readonly ScoredCandidate[],
  hasOptions: boolean,
): number {
  const weights = unitsOf(candidates, hasOptions)
    .parsed.map(weightOf)
    .sort((x, y) => y - x);
  const [leader, runnerUp = 0] = weights;
  if (leader === undefined) return 0;
  return 1 - regularizedBeta(0.5, leader + 1, runnerUp + 1);
}

function weightOf(unit: Unit): number {
  return unit.members.reduce((sum, member) => sum + member.probability, 0);
}
