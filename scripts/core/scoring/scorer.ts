/** What scores candidates, and the engine in Node: a bundle's ranker, asked with the calls that the Worker makes. */

import { loadRanker } from "../../../src/adapter/load.ts";
import type { Ranker } from "../../../src/adapter/ranker.ts";
import type { Question } from "../../../src/tasks/question.ts";
import { verifyForNode } from "../../lib/verifyForNode.ts";
import { CoreFault } from "../fault.ts";

/** A question with what some LLM answered. */
export interface ScoreJob {
  readonly question: Question;
  readonly candidates: readonly { readonly text: string; readonly answer: string | null }[];
}

export type QuestionScores =
  | {
      readonly kind: "scored";
      /** By candidate: the adapter's raw output. */
      readonly logits: readonly number[];
      /** By candidate: the same of its answer alone, without a word of its text. */
      readonly bare: readonly number[];
      /** By candidate: its text was cut. */
      readonly truncated: readonly boolean[];
    }
  /** The adapter (or the service) does not take this question; its answers are left to the vote. */
  | { readonly kind: "unscored"; readonly reason: string };

export interface Scorer {
  /** Jobs that it can have in hand. */
  readonly parallel: number;
  /** Rejects with `CoreFault` where no further job will do better. */
  score(job: ScoreJob): Promise<QuestionScores>;
  close(): Promise<void>;
}

const never = new AbortController().signal;

/** Scores one question. Throws where the engine fails: that is no fault of the question. */
export async function scoreQuestion(
  ranker: Ranker,
  { question, candidates }: ScoreJob,
): Promise<QuestionScores> {
  const opened = ranker.open(question, never);
  if (!opened.ok) {
    if (opened.failure.kind === "question_too_long") {
      return { kind: "unscored", reason: opened.failure.kind };
    }
    throw new Error(`the engine took no question: ${opened.failure.kind}`);
  }
  const session = opened.value;
  const optionOf = (answer: string | null) =>
    question.options.find(({ label }) => label === answer) ?? null;
  const score = async (answer: string | null, text: string) => {
    const result = await session.score({ answer: optionOf(answer), text });
    if (!result.ok) throw new Error(`the engine failed: ${result.failure.kind}`);
    return result.value;
  };
  try {
    const scores = await Promise.all(candidates.map(({ answer, text }) => score(answer, text)));
    const bare = await Promise.all(candidates.map(({ answer }) => score(answer, "")));
    return {
      kind: "scored",
      logits: scores.map(({ logit }) => logit),
      bare: bare.map(({ logit }) => logit),
      truncated: scores.map(({ truncated }) => truncated),
    };
  } finally {
    session.close();
  }
}

/**
 * The ranker of a bundle's folder, as the Worker loads it: verified, and its self-test passed.
 * Throws `CoreFault` that names what is wrong with the bundle.
 */
export async function openRanker(folder: string): Promise<Ranker> {
  const found = await verifyForNode(folder);
  if (!found.ok)
    throw new CoreFault("bundle_refused", `the bundle was refused: ${found.failure.kind}`);
  const ranker = await loadRanker(found.value.bundle, found.value.start);
  if (!ranker.ok)
    throw new CoreFault("bundle_refused", `the bundle cannot run: ${ranker.failure.kind}`);
  return ranker.value;
}
