/**
 * Accuracy by number of candidates, and by the stopping rule of `k: "auto"`: the service's own `select` and `nextWave`
 * on orders of a question's candidates.
 */
import { type AdaptiveK, nextWave } from "../../src/adapter/select/adaptiveK.ts";
import { type Ballot, choiceOf, expectedVote, placed } from "./decide.ts";

/** Random orders of a question's candidates that each figure is the mean of. */
const DRAWS = 8;
/** Stopping thresholds of the curve, beside the manifest's own. */
const THRESHOLDS = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/** Means over the draws, 0 to 1. */
export interface KPoint {
  readonly k: number;
  readonly majority: number;
  readonly best_of: number;
  readonly weighted_vote: number;
}

export interface AdaptivePoint {
  readonly threshold: number;
  /** Candidates asked for, mean over the draws. */
  readonly spent: number;
  readonly right: number;
}

/** Where the stopping rule ends with one order of the candidates. */
export interface Stop {
  /** Candidates asked for. */
  readonly spent: number;
  /** The weighted vote of those is right. */
  readonly right: boolean;
}

/** With k of the candidates, or with all where there are fewer. */
export function kCurve(
  ballot: Ballot,
  ks: readonly number[],
  orders: readonly (readonly number[])[],
): KPoint[] {
  return ks.map((k) => {
    const parts = orders.map((order) => order.slice(0, k));
    const share = (strategy: "best_of" | "weighted_vote") =>
      mean(parts.map((part) => Number(choiceOf(ballot, part, strategy).right)));
    return {
      k,
      majority: mean(parts.map((part) => expectedVote(ballot, part))),
      best_of: share("best_of"),
      weighted_vote: share("weighted_vote"),
    };
  });
}

/** Null where there is no stopping rule, or the first wave is all there is. */
export function adaptiveCurve(
  ballot: Ballot,
  rule: AdaptiveK | null,
  orders: readonly (readonly number[])[],
): AdaptivePoint[] | null {
  if (rule === null || ballot.candidates.length <= rule.first) return null;
  const thresholds = [...new Set([...THRESHOLDS, rule.threshold])].sort((a, b) => a - b);
  const runs = orders.map((order) => stops(ballot, rule, thresholds, order));
  return thresholds.map((threshold, at) => ({
    threshold,
    spent: mean(runs.map((run) => run[at]?.spent ?? 0)),
    right: mean(runs.map((run) => Number(run[at]?.right ?? false))),
  }));
}

/** Where the rule of each threshold ends, in the order of the thresholds. */
export function stops(
  ballot: Ballot,
  waves: Pick<AdaptiveK, "first" | "step">,
  thresholds: readonly number[],
  order: readonly number[],
): Stop[] {
  const all = placed(ballot, order);
  const hasOptions = ballot.question.options.length > 0;
  const rightWith = new Map<number, boolean>();
  return thresholds.map((threshold) => {
    let spent = 0;
    for (;;) {
      const rule = { ...waves, threshold };
      const wave = nextWave(rule, all.slice(0, spent), hasOptions, spent, order.length);
      if (wave === 0) break;
      spent += wave;
    }
    const known = rightWith.get(spent);
    const right = known ?? choiceOf(ballot, order.slice(0, spent), "weighted_vote").right;
    rightWith.set(spent, right);
    return { spent, right };
  });
}

/** The same for the same line, in every run and with every engine. */
export function ordersOf(line: number, count: number): number[][] {
  const random = generator(line);
  return Array.from({ length: DRAWS }, () => {
    const order = Array.from({ length: count }, (_, at) => at);
    for (let at = count - 1; at > 0; at -= 1) {
      const other = Math.floor(random() * (at + 1));
      [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
    }
    return order;
  });
}

/** Numbers in 0..1 by Weyl's sequence and the finalizer of MurmurHash3: fair enough to shuffle with. */
function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
