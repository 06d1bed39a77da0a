/** Weighted vote: every candidate votes with its probability, or the fitted selector decides. */
import type { SelectorGroup } from "./selector.ts";
import { selectorLogit } from "./selector.ts";
import type { Unit } from "./units.ts";

/** Score of a unit among `all`: the selector's logit where one is fitted, otherwise the sum of probabilities. */
export function weightedVoteScore(
  unit: Unit,
  all: readonly Unit[],
  selector: { readonly features: readonly string[]; readonly group: SelectorGroup } | null,
): number {
  if (selector === null) {
    return unit.members.reduce((sum, member) => sum + member.probability, 0);
  }
  return selectorLogit(selector.features, selector.group, unit, all);
}
