/** What the service decides on scored candidates, all of them or a part: `select` itself, nothing beside it. */
import type { Manifest } from "../../src/adapter/manifest.ts";
import { probabilityOf } from "../../src/adapter/ranker.ts";
import {
  type ScoredCandidate,
  type Selection,
  type Strategy,
  unitsOf,
} from "../../src/adapter/select/candidates.ts";
import { fewStep } from "../../src/adapter/select/confidence.ts";
import { select } from "../../src/adapter/select/select.ts";
import { featureRow, selectorGroup } from "../../src/adapter/select/selector.ts";
import type { Option } from "../../src/tasks/question.ts";

/** What a decision reads of a manifest. */
export type Fitted = Pick<Manifest, "calibration" | "selector" | "validatedOn" | "abstention">;

/** A question as it is decided, without its texts. */
export interface AskedQuestion {
  readonly options: readonly Option[];
  readonly hasContext: boolean;
  readonly evidenceUnseen: boolean;
  readonly task: string;
  /** By candidate: the label that it was read as; null where none was. */
  readonly answers: readonly (string | null)[];
  /** By candidate: its outcome label. */
  readonly correct: readonly boolean[];
  /** By candidate; null where the question has no scores. */
  readonly logits: readonly number[] | null;
}

/** What every decision about a question is made from. */
export interface Ballot {
  readonly question: AskedQuestion;
  readonly fitted: Fitted;
  readonly candidates: readonly ScoredCandidate[];
}

/** One strategy's choice. */
export interface Choice {
  /** Label; null for free text, and where nothing parsed. */
  readonly answer: string | null;
  /** The candidate whose text is shown. */
  readonly index: number | null;
  readonly right: boolean;
  /** By which the strategy placed the answer first. */
  readonly score: number | null;
  /** Probability that the answer is right; for `weighted_vote` alone, where a selector is fitted. */
  readonly confidence: number | null;
}

export interface Decisions {
  readonly vote: Choice;
  readonly best_of: Choice;
  readonly weighted_vote: Choice;
}

export function ballotOf(question: AskedQuestion, fitted: Fitted): Ballot {
  const candidates = question.answers.map((answer, index) => {
    const logit = question.logits?.[index] ?? null;
    const probability = logit === null ? null : probabilityOf(logit, fitted.calibration);
    return { index, answer, logit, probability };
  });
  return { question, fitted, candidates };
}

/** Places of all candidates, in the order in which they stand. */
export function everyCandidate({ candidates }: Ballot): number[] {
  return candidates.map(({ index }) => index);
}

/** Decides with the candidates `order`, as if they had come in this order. */
export function decide(ballot: Ballot, order: readonly number[]): Decisions {
  const choice = (strategy: Strategy) => choiceOf(ballot, order, strategy);
  return {
    vote: choice("vote"),
    best_of: choice("best_of"),
    weighted_vote: choice("weighted_vote"),
  };
}

/**
 * One strategy's decision. The vote sees no scores, as in the service, so that its ties fall to the answer that came
 * first and not to the adapter.
 */
export function choiceOf(ballot: Ballot, order: readonly number[], strategy: Strategy): Choice {
  const selection = selectionOf(ballot, order, strategy);
  const index = selection.index === null ? null : (order[selection.index] ?? null);
  return {
    answer: selection.answer,
    index,
    right: index !== null && (ballot.question.correct[index] ?? false),
    score: selection.units[0]?.score ?? null,
    confidence: selection.confidence,
  };
}

/**
 * Accuracy of self-consistency that breaks ties at random, 0 to 1: the mean over the leading answers. Free text has no
 * answers to count, so there any candidate may win.
 */
export function expectedVote(ballot: Ballot, order: readonly number[]): number {
  const { units } = selectionOf(ballot, order, "vote");
  const voted = units.filter(({ score }) => score !== null);
  const most = Math.max(0, ...voted.map(({ candidates }) => candidates.length));
  const leaders = voted.filter(({ candidates }) => candidates.length === most);
  const isRight = (place = -1) => ballot.question.correct[order[place] ?? -1] ?? false;
  const right = leaders.filter(({ candidates: [first] }) => isRight(first));
  return leaders.length === 0 ? 0 : right.length / leaders.length;
}

/** Whether the service would tell the confidence: the manifest was validated with these LLMs on this task. */
export function isValidated(ballot: Ballot, llms: readonly string[]): boolean {
  const all = everyCandidate(ballot);
  return llms.every(
    (llm) => selectAs(ballot, all, "weighted_vote", ballot.fitted, llm).confidence !== null,
  );
}

/** Which of the manifest's selectors decides, and what of a part's size counts for its confidence. */
export interface Selector {
  /** Place of the group among `selector.groups`; null where none is for such questions. */
  readonly group: number | null;
  /** Candidates that have an answer; of free text all. */
  readonly parsed: number;
  /** What the group's `few` is multiplied by; 0 where it says nothing of few candidates. */
  readonly few: number;
}

export function selectorOf(ballot: Ballot, order: readonly number[]): Selector {
  const { question, fitted } = ballot;
  const { parsed, incomplete } = unitsOf(placed(ballot, order), question.options.length > 0);
  const count = parsed.reduce((sum, { members }) => sum + members.length, 0);
  const group = incomplete ? null : selectorGroup(fitted, question);
  const at = group === null ? -1 : (fitted.selector?.groups.indexOf(group) ?? -1);
  return {
    group: at < 0 ? null : at,
    parsed: count,
    few: group === null || count === 0 ? 0 : fewStep(group.confidence.few, count),
  };
}

/** An answer as a selector sees it, which is what one is fitted on. */
export interface FeaturedUnit {
  /** Null for a candidate of free text. */
  readonly answer: string | null;
  readonly right: boolean;
  /** Candidates that gave it. */
  readonly votes: number;
  /** In the order of the names asked for. */
  readonly features: readonly number[];
  /** Of equal scores the answer with the lowest one wins. */
  readonly tie: number;
}

/** Answers in the order in which they first appear; those that did not parse are left out. */
export function featuredUnits(ballot: Ballot, names: readonly string[]): FeaturedUnit[] {
  const { question, candidates } = ballot;
  const { parsed } = unitsOf(candidates, question.options.length > 0);
  const order = selectAs(ballot, everyCandidate(ballot), "vote", ballot.fitted, "", candidates);
  const places = new Map(order.units.map((unit, at) => [unit.candidates[0], at]));
  return parsed.map((unit) => {
    const first = unit.members[0]?.index ?? -1;
    return {
      answer: unit.answer,
      right: question.correct[first] ?? false,
      votes: unit.members.length,
      features: featureRow(names, unit, parsed),
      tie: places.get(first) ?? 0,
    };
  });
}

function selectionOf(ballot: Ballot, order: readonly number[], strategy: Strategy): Selection {
  // The confidence is measured here, so whether it was validated before does not count.
  const { task } = ballot.question;
  const validatedOn = [
    { llm: "", task },
    { llm: "", task, evidence: "unseen" as const },
  ];
  return selectAs(ballot, order, strategy, { ...ballot.fitted, validatedOn }, "");
}

function selectAs(
  ballot: Ballot,
  order: readonly number[],
  strategy: Strategy,
  manifest: Fitted,
  llm: string,
  candidates: readonly ScoredCandidate[] = placed(ballot, order, strategy !== "vote"),
): Selection {
  const { options, hasContext, evidenceUnseen, task } = ballot.question;
  const question = { options, hasContext, evidenceUnseen, task };
  return select({ ...question, strategy, candidates, manifest, llm, abstain: null });
}

/** The candidates `order`, in that order; without their scores where they are not to be seen. */
export function placed(
  { candidates }: Ballot,
  order: readonly number[],
  withScores = true,
): ScoredCandidate[] {
  return order.map((at, index) => {
    const { answer = null, logit = null, probability = null } = candidates[at] ?? {};
    return withScores
      ? { index, answer, logit, probability }
      : { index, answer, logit: null, probability: null };
  });
}
