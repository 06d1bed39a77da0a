/** What scores candidates: the engine in Node, or a service over HTTP. */
import type { Question } from "../../src/tasks/question.ts";

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
  /** Rejects with `EvalFault` where no further job will do better. */
  score(job: ScoreJob): Promise<QuestionScores>;
  close(): Promise<void>;
}
