/** What the service decides on scored candidates, by each strategy: `select` itself, nothing beside it. */
import type { Manifest } from "../../src/adapter/manifest.ts";
import { type Probability, probabilityOf } from "../../src/adapter/ranker.ts";
import type { ScoredCandidate, Selection, Strategy } from "../../src/adapter/select/candidates.ts";
import { select } from "../../src/adapter/select/select.ts";
import { isEvidenceUnseen, readByAdapter } from "../../src/tasks/question.ts";
import type { Candidate, EvalQuestion } from "./candidateFile.ts";
import type { QuestionScores } from "./scorer.ts";

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
  /** The service would tell this confidence: the manifest was validated with these LLMs on this task. */
  readonly validated: boolean;
}

/** What every decision about a question is made from. */
export interface Ballot {
  readonly question: EvalQuestion;
  readonly manifest: Manifest;
  /** By candidate, in the file's order. */
  readonly logits: readonly number[] | null;
}

export function ballotOf(
  question: EvalQuestion,
  scores: QuestionScores,
  manifest: Manifest,
): Ballot {
  return { question, manifest, logits: scores.kind === "scored" ? scores.logits : null };
}

/** Decides with all candidates. */
export function decide(ballot: Ballot): Decisions {
  const all = ballot.question.candidates.map((_, at) => at);
  const choice = (strategy: Strategy) => choiceOf(ballot, all, strategy);
  return {
    vote: choice("vote"),
    best_of: choice("best_of"),
    weighted_vote: choice("weighted_vote"),
    validated: isValidated(ballot),
  };
}

/**
 * Decides with the candidates `order`, as if they had come in this order. The vote sees no scores, as in the service,
 * so that its ties fall to the answer that came first and not to the adapter.
 */
export function choiceOf(ballot: Ballot, order: readonly number[], strategy: Strategy): Choice {
  const selection = selectionOf(ballot, order, strategy);
  const index = selection.index === null ? null : (order[selection.index] ?? null);
  return {
    answer: selection.answer,
    index,
    right: index !== null && (ballot.question.candidates[index]?.correct ?? false),
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
  const right = leaders.filter(
    ({ candidates: [first] }) => candidateAt(ballot, order, first)?.correct,
  );
  return leaders.length === 0 ? 0 : right.length / leaders.length;
}

function candidateAt(
  { question }: Ballot,
  order: readonly number[],
  place: number | undefined,
): Candidate | undefined {
  return question.candidates[order[place ?? -1] ?? -1];
}

function selectionOf(ballot: Ballot, order: readonly number[], strategy: Strategy): Selection {
  const { manifest, question } = ballot;
  // The confidence is measured here, so whether it was validated before does not count.
  const { task } = question;
  const validatedOn = [
    { llm: "", task },
    { llm: "", task, evidence: "unseen" as const },
  ];
  const measured = { ...manifest, validatedOn };
  return selectAs(ballot, order, strategy, measured, "");
}

function selectAs(
  { question, logits, manifest: { calibration } }: Ballot,
  order: readonly number[],
  strategy: Strategy,
  manifest: Manifest,
  llm: string,
): Selection {
  const scores = strategy === "vote" ? null : logits;
  return select({
    strategy,
    candidates: placed(question.candidates, order, scores, calibration),
    options: question.question.options,
    hasContext: readByAdapter(question.question) !== null,
    evidenceUnseen: isEvidenceUnseen(question.question),
    manifest,
    llm,
    task: question.task,
    abstain: null,
  });
}

/** Candidates in the order given; `logits` null: without scores. */
export function placed(
  candidates: readonly Candidate[],
  order: readonly number[],
  logits: readonly number[] | null,
  calibration: Manifest["calibration"],
): ScoredCandidate[] {
  return order.map((at, index) => {
    const logit = logits?.[at] ?? null;
    const probability: Probability | null =
      logit === null ? null : probabilityOf(logit, calibration);
    return { index, answer: candidates[at]?.answer ?? null, logit, probability };
  });
}

function isValidated(ballot: Ballot): boolean {
  const { question, manifest } = ballot;
  const all = question.candidates.map((_, at) => at);
  const llms = [...new Set(question.candidates.map(({ model }) => model))];
  return llms.every(
    (llm) => selectAs(ballot, all, "weighted_vote", manifest, llm).confidence !== null,
  );
}
