/** Self-consistency: an answer scores the number of candidates that gave it (arXiv 2203.11171). */
import type { Unit } from "./units.ts";

/** Votes of a unit. */
export function voteScore(unit: Unit): number {
  return unit.members.length;
}
