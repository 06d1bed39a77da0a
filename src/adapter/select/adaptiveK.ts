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
import { type ScoredCandidate, type Unit, unitsOf } from "./candidates.ts";

export type AdaptiveK = NonNullable<Manifest["adaptiveK"]>;

/**
 * Number of candidates to ask for next; 0 to stop.
 * @param spent candidates asked for so far. It includes those that failed, so that the loop ends
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

/** Sum of the unit's probabilities. */
function weightOf(unit: Unit): number {
  return unit.members.reduce((sum, member) => sum + member.probability, 0);
}

/**
 * Regularized incomplete beta function, by its continued fraction (DLMF 8.17.22, Lentz's method).
 *
 * I_x(a, b) for 0 <= x <= 1 and a, b > 0: the chance that a Beta(a, b) variable is at most x. Error below 1e-10 for a, b up to 1000.
 */
export function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast only on this side of the mean.
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a);
  const logFront =
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  return (Math.exp(logFront) / a) * continuedFraction(x, a, b);
}

function continuedFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const nonZero = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonZero(1 + even * d);
    c = nonZero(1 + even / c);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonZero(1 + odd * d);
    c = nonZero(1 + odd / c);
    const step = d * c;
    result *= step;
    if (Math.abs(step - 1) < 1e-14) break;
  }
  return result;
}

/** ln Gamma(x) for x > 0: the recurrence up to 10, then Stirling's series (DLMF 5.11.1). */
function logGamma(x: number): number {
  let shifted = x;
  let logProduct = 0;
  while (shifted < 10) {
    logProduct += Math.log(shifted);
    shifted += 1;
  }
  const inverse = 1 / shifted;
  const square = inverse * inverse;
  const series =
    inverse *
    (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188))));
  return (
    (shifted - 0.5) * Math.log(shifted) -
    shifted +
    0.5 * Math.log(2 * Math.PI) +
    series -
    logProduct
  );
}
