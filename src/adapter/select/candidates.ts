/**
 * What selection reads and what it decides, and the distinct answers (units) that the strategies choose between. All of
 * `select/` is pure functions over these.
 */
import type { Option } from "../../tasks/question.ts";
import type { Manifest } from "../manifest.ts";
import type { PlanFit } from "./planFit.ts";

/**
 * - `best_of`: the answer of the highest-scored candidate (the paper's rule, arXiv 2405.03000 section 3.3).
 * - `vote`: the answer most candidates gave (self-consistency).
 * - `weighted_vote`: the answer with the best answer score: the fitted selector's, else the sum of probabilities.
 */
export type Strategy = "best_of" | "vote" | "weighted_vote";

/** A candidate with its parsed answer and, where the adapter ran, its score. */
export interface ScoredCandidate {
  readonly index: number;
  /** Label of the parsed answer; null where none was found, and always null for free text. */
  readonly answer: string | null;
  readonly logit: number | null;
  /** Probability that this candidate is right, 0..1. */
  readonly probability: number | null;
  /** Of a plan: who wrote it, and in which stage, from 0. */
  readonly source?: string;
  readonly stage?: number;
}

/** A fitted plan, and how far it has come. */
export interface PlanInPlay {
  readonly fit: PlanFit;
  /** The last stage that was entered, from 0. */
  readonly stage: number;
  /** `name@version` of the adapter that scored; null: none did. */
  readonly adapter: string | null;
}

/** When to give no answer: by a wanted error rate among answered questions, or below a confidence. */
export type Abstain =
  | { readonly kind: "target_error"; readonly targetError: number }
  | { readonly kind: "below"; readonly threshold: number };

/** What selection reads of a manifest. */
export type Fitted = Pick<Manifest, "selector" | "validatedOn" | "abstention">;

export interface SelectInput {
  readonly strategy: Strategy;
  readonly candidates: readonly ScoredCandidate[];
  /** Empty for free text: every candidate is then its own unit. */
  readonly options: readonly Option[];
  /** The adapter read a context, or evidence in place of one. */
  readonly hasContext: boolean;
  /** It was evidence that the LLM was not shown. */
  readonly evidenceUnseen: boolean;
  /** The question or most candidates are not English; absent: they are. */
  readonly otherLanguage?: boolean;
  /** Null where no adapter is loaded (degraded). */
  readonly manifest: Fitted | null;
  /** The model's and the task's names, looked up in the manifest's `validatedOn`. */
  readonly llm: string;
  readonly task: string;
  readonly abstain: Abstain | null;
  /** Null or absent: the candidates are of one LLM, or nothing was fitted for their plan. */
  readonly plan?: PlanInPlay | null;
}

/** Why there is no confidence. */
export type ConfidenceReason =
  /** No adapter, or at least one candidate could not be scored. */
  | "degraded"
  /** An LLM whose vote the plan's confidence was fitted with has written nothing. */
  | "plan_incomplete"
  /** The question or most candidates are in a language that no adapter was validated on. */
  | "language_not_validated"
  /** The manifest holds no fitted selector for this kind of question. */
  | "not_calibrated"
  /** The manifest was not validated with this LLM on this task, or not with evidence that it did not see. */
  | "not_validated_for_llm_task"
  /** The strategy is not the one that the confidence was fitted for. */
  | "not_calibrated_for_strategy"
  /** Fewer than three candidates had an answer. */
  | "too_few_candidates"
  /** No candidate had an answer. */
  | "no_answer";

/** Why no answer is given. */
export type AbstainReason =
  | "below_threshold"
  /** The manifest says that no threshold can promise this error rate. */
  | "target_unattainable"
  /** The manifest holds no threshold for this error rate or a stricter one. */
  | "target_not_fitted"
  /** There is no confidence to compare; `confidenceReason` says why. */
  | "no_confidence";

/** One distinct answer: a label, or a single candidate of a free-text question. */
export interface AnswerUnit {
  readonly answer: string | null;
  /** Indices of its candidates, ascending. */
  readonly candidates: readonly number[];
  /** By which the strategy orders the units; null where it does not score them. */
  readonly score: number | null;
}

export interface Selection {
  /** The chosen label; null where nothing parsed, for free text, and when abstained. */
  readonly answer: string | null;
  /** The chosen candidate; null only where there are no candidates at all or when abstained. */
  readonly index: number | null;
  /** Probability that the chosen answer is right, or null with the reason. */
  readonly confidence: number | null;
  readonly confidenceReason: ConfidenceReason | null;
  /** Null when an answer is given. */
  readonly abstained: AbstainReason | null;
  /** Candidates for each answer, in the order of `units`; the unparsed are not among them. */
  readonly votes: readonly { readonly answer: string; readonly count: number }[];
  /** Distinct answers, best first; unparsed candidates last, as one unit. */
  readonly units: readonly AnswerUnit[];
  /**
   * Indices of all candidates, best first: by their answer's place, then by their own probability,
   * then by index. So the first is the one whose text is shown, and the runners-up follow.
   */
  readonly ranking: readonly number[];
}

/** One distinct answer with its candidates. */
export interface Unit {
  /** Label; null for a free-text candidate and for the unit of those that did not parse. */
  readonly answer: string | null;
  /** Its candidates, by index. */
  readonly members: readonly Member[];
}

/** A candidate with its own score, or with an average one. */
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
 * A candidate without a score counts as an average one (the mean of those scored, or even odds). So it still has its
 * vote, and without any score every strategy becomes the majority vote.
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
