/** Best of n: an answer scores as its best candidate does (arXiv 2405.03000, section 3.3). */
import { maxProbability, type Unit } from "./units.ts";

/** Largest probability of a unit's candidates, 0..1. */
export function bestOfScore(unit: Unit): number {
  return maxProbability(unit);
}
