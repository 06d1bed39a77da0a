/**
 * The decision: which answer, shown by which candidate, how sure, or none at all.
 *
 * The strategies differ in how they score an answer. `vote` counts its candidates (self-consistency, arXiv 2203.11171);
 * `best_of` takes the probability of its best candidate (arXiv 2405.03000, section 3.3); `weighted_vote` takes the fitted
 * selector's logit, or the sum of its candidates' probabilities where no selector is fitted.
 *
 * Ties are settled the same way everywhere: more votes, then the higher probability, then the lower
 * index. Candidates without an answer never win over one with an answer. Free text has a unit for each
 * candidate, so there a vote is a tie and the probability decides.
 */
import {
  type AnswerUnit,
  maxProbability,
  type SelectInput,
  type Selection,
  type Strategy,
  type Unit,
  unitsOf,
} from "./candidates.ts";
import { abstainReason, type Confidence, confidenceOf } from "./confidence.ts";
import { type PlanScores, planScores } from "./planScore.ts";
import { type SelectorGroup, selectorGroup, selectorLogit } from "./selector.ts";

interface ScoredUnit {
  readonly unit: Unit;
  readonly score: number | null;
}

/** Chooses an answer. Candidates may come in any order; their indices must differ. */
export function select(input: SelectInput): Selection {
  const { strategy, candidates, options, manifest } = input;
  const { parsed, unparsed, incomplete } = unitsOf(candidates, options.length > 0);
  const group = incomplete ? null : selectorGroup(manifest, input);
  const plan = strategy === "weighted_vote" ? planScoresOf(input) : null;
  const scoreOf =
    plan === null
      ? scorer(strategy, parsed, group, manifest?.selector?.features ?? [])
      : ({ answer }: Unit) => plan.scores.find((one) => one.answer === answer)?.score ?? 0;
  const ranked = rank(parsed, scoreOf);
  const winner = ranked[0] ?? null;
  const all: ScoredUnit[] =
    unparsed === null ? ranked : [...ranked, { unit: unparsed, score: null }];
  const ranking = all.flatMap(({ unit }) => bestFirst(unit));
  const confidence =
    plan === null
      ? confidenceOf({
          ...input,
          group,
          winnerScore: winner?.score ?? null,
          parsed: parsed.reduce((sum, unit) => sum + unit.members.length, 0),
          incomplete,
        })
      : planConfidence(plan, input);
  // An adapter's thresholds were fitted for its own confidence.
  const thresholds = plan === null ? manifest : { selector: null, validatedOn: [], abstention: [] };
  const abstained = abstainReason(input.abstain, confidence.value, thresholds);
  const given = abstained === null;
  return {
    answer: given ? (winner?.unit.answer ?? null) : null,
    index: given ? (ranking[0] ?? null) : null,
    confidence: confidence.value,
    confidenceReason: confidence.reason,
    abstained,
    votes: ranked.flatMap(({ unit }) =>
      unit.answer === null ? [] : [{ answer: unit.answer, count: unit.members.length }],
    ),
    units: all.map(answerUnit),
    ranking,
  };
}

/** Null where no plan was fitted for such a question. */
function planScoresOf({ plan, candidates, options, task }: SelectInput): PlanScores | null {
  if (!plan || options.length < 2) return null;
  const sourced = candidates.map((one) => ({
    ...one,
    source: one.source ?? "",
    stage: one.stage ?? 0,
  }));
  return planScores({ ...plan, candidates: sourced, options, task });
}

function planConfidence(
  { winner, confidence }: PlanScores,
  { otherLanguage }: SelectInput,
): Confidence {
  if (winner === null) return { value: null, reason: "no_answer" };
  if (otherLanguage === true) return { value: null, reason: "language_not_validated" };
  if (confidence === null) return { value: null, reason: "plan_incomplete" };
  return { value: confidence, reason: null };
}

/** How a strategy scores one answer among `all`; a higher score is better. */
function scorer(
  strategy: Strategy,
  all: readonly Unit[],
  group: SelectorGroup | null,
  features: readonly string[],
): (unit: Unit) => number {
  switch (strategy) {
    case "vote":
      return (unit) => unit.members.length;
    case "best_of":
      return maxProbability;
    case "weighted_vote":
      return group === null ? probabilitySum : (unit) => selectorLogit(features, group, unit, all);
  }
}

function probabilitySum(unit: Unit): number {
  return unit.members.reduce((sum, member) => sum + member.probability, 0);
}

/** Units with their scores, best first. */
function rank(units: readonly Unit[], score: (unit: Unit) => number): ScoredUnit[] {
  return units
    .map((unit) => ({ unit, score: score(unit) }))
    .sort(
      (x, y) =>
        y.score - x.score ||
        y.unit.members.length - x.unit.members.length ||
        maxProbability(y.unit) - maxProbability(x.unit) ||
        firstIndex(x.unit) - firstIndex(y.unit),
    );
}

/** Indices of a unit's candidates, the one to show first; those without a score last. */
function bestFirst(unit: Unit): number[] {
  return [...unit.members]
    .sort(
      (x, y) =>
        Number(y.scored) - Number(x.scored) || y.probability - x.probability || x.index - y.index,
    )
    .map((member) => member.index);
}

function firstIndex(unit: Unit): number {
  return Math.min(...unit.members.map((member) => member.index));
}

function answerUnit({ unit, score }: ScoredUnit): AnswerUnit {
  return { answer: unit.answer, candidates: unit.members.map((member) => member.index), score };
}
