/** Distinct parsed answers: what the strategies choose between. */
import type { ScoredCandidate } from "./types.ts";

/** One distinct answer, with what every strategy asks about it. */
export interface Unit {
  /** Label; null for a free-text candidate and for the unit of those that did not parse. */
  readonly answer: string | null;
  /** Its candidates, by index. */
  readonly members: readonly Member[];
}

/** A candidate whose probability is known, or taken for average. */
export interface Member {
  readonly index: number;
  readonly scored: boolean;
  readonly probability: number;
  readonly logit: number;
}

export interface Units {
  /** In the order in which each answer first appears. */
  readonly parsed: readonly Unit[];
  /** Candidates without an answer, of a question that has options; null where there are none. */
  readonly unparsed: Unit | null;
  /** At least one candidate came without a score. */
  readonly incomplete: boolean;
}

/**
 * Groups candidates by answer. A free-text question has one unit a candidate.
 * A candidate without a score counts as an average one (mean of those scored, or even odds), so that
 * it still has its vote: without any score every strategy becomes the majority vote.
 */
export function unitsOf(candidates: readonly ScoredCandidate[], hasOptions: boolean): Units {
  const average = averageOf(candidates);
  const byIndex = [...candidates].sort((a, b) => a.index - b.index);
  const groups = new Map<string, { answer: string | null; members: Member[] }>();
  for (const { index, answer, probability, logit } of byIndex) {
    const key = hasOptions ? JSON.stringify(answer) : String(index);
    const group = groups.get(key) ?? { answer: hasOptions ? answer : null, members: [] };
    group.members.push({
      index,
      scored: probability !== null,
      probability: probability ?? average.probability,
      logit: logit ?? average.logit,
    });
    groups.set(key, group);
  }
  const units = [...groups.values()];
  return {
    parsed: units.filter((unit) => !hasOptions || unit.answer !== null),
    unparsed: (hasOptions && units.find((unit) => unit.answer === null)) || null,
    incomplete: candidates.some((candidate) => candidate.probability === null),
  };
}

/** The members' largest probability. */
export function maxProbability(unit: Unit): number {
  return unit.members.reduce((max, member) => Math.max(max, member.probability), 0);
}

function averageOf(candidates: readonly ScoredCandidate[]): {
  readonly probability: number;
  readonly logit: number;
} {
  const mean = (values: readonly number[], otherwise: number): number =>
    values.length === 0 ? otherwise : values.reduce((sum, v) => sum + v, 0) / values.length;
  const known = <Value>(value: Value | null): value is Value => value !== null;
  return {
    probability: mean(candidates.map((c) => c.probability).filter(known), 0.5),
    logit: mean(candidates.map((c) => c.logit).filter(known), 0),
  };
}
