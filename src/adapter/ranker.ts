/**
 * A ranker scores candidates with one loaded bundle. `open` answers at once, so that a caller knows of
 * refusal or overload before it pays for an LLM call; the question is encoded while the LLM writes.
 * Logits and probabilities have types of their own, so that one cannot be taken for the other.
 */
import type { Option, Question } from "../tasks/question.ts";
import type { EngineFailureReason } from "./engine.ts";
import type { Manifest } from "./manifest.ts";
import type { RemoteFailure } from "./remote/textScorer.ts";
import type { Result } from "./result.ts";

/** One candidate as the encoder sees it. `answer`: the option it parsed to, null where none was found. */
export interface CandidateText {
  readonly answer: Option | null;
  readonly text: string;
}

export type OpenFailure =
  /** Question and options alone exceed the prefix budget; or the options, where the question may be cut. */
  | { readonly kind: "question_too_long"; readonly tokens: number; readonly limit: number }
  /** No place is free, and the queue is full. */
  | { readonly kind: "overloaded"; readonly retryAfterSeconds: number }
  /** The ranker was retired: take the current one. */
  | { readonly kind: "retired" };

export type ScoreFailure =
  /** The signal fired, or the session was closed, before the score was there. */
  | { readonly kind: "aborted" }
  | { readonly kind: "engine_failed"; readonly reason: EngineFailureReason }
  | RemoteFailure;

/** An open question: admitted or in the queue, then encoded, then scoring. */
export interface RankedQuestion {
  /** Tokens of the prefix; 0 with a remote engine. */
  readonly prefixTokens: number;
  /**
   * A remote engine computes the scores. They cost no CPU here, so ask as soon as a candidate is there. A built-in
   * engine takes the CPU, and would hold up the candidates that are still being read.
   */
  readonly remote: boolean;
  /** The context was cut; or the question, where that was allowed. */
  readonly truncated: boolean;
  /** Resolves when the question is encoded, or cannot be. `score` waits for it by itself. */
  readonly ready: Promise<Result<void, ScoreFailure>>;
  /**
   * Scores one candidate. Candidates that the encoder cannot tell apart (case, accents, white space) are scored once
   * and share the result. Never rejects.
   */
  score(candidate: CandidateText): Promise<Result<Score, ScoreFailure>>;
  /** Frees the prefix and the place, once. Scores that are not there yet become `aborted`. */
  close(): void;
}

/** The current load of a ranker, for `/readyz` and metrics. */
export interface RankerLoad {
  /** Prefixes held or being encoded. */
  readonly held: number;
  /** Questions in the queue. */
  readonly waiting: number;
  readonly heapBytes: number;
}

export interface Ranker {
  readonly manifest: Manifest;
  /**
   * Tokenizes and asks for a place, without waiting. The caller must close the session that it gets.
   * @param owner whose question it is. Its prefix is kept for a while, for this owner's next request about the same
   * question, and it gets a share of the places alone. Null or left out: neither
   * @param cut whether a question that is too long is cut in its middle in place of being refused
   */
  open(
    question: Question,
    signal: AbortSignal,
    owner?: string | null,
    cut?: boolean,
  ): Result<RankedQuestion, OpenFailure>;
  /** Why `open` would refuse the question now; null: it would not. Takes no place. */
  refusal(question: Question, owner?: string | null, cut?: boolean): OpenFailure | null;
  load(): RankerLoad;
  /** Why the engine should be started afresh (`isEngineFault`); null: no reason. */
  fault(): EngineFailureReason | null;
  /** From now on opens no session. Resolves when the last open session has closed and the engine is freed. */
  retire(): Promise<void>;
}

declare const logit: unique symbol;
declare const probability: unique symbol;

/** The adapter's raw output; higher means more likely right. */
export type Logit = number & { readonly [logit]: true };
/** In 0..1. */
export type Probability = number & { readonly [probability]: true };

export interface Score {
  readonly logit: Logit;
  /** Calibrated by the manifest's fit; without one, sigmoid(logit). */
  readonly probability: Probability;
  /** The candidate was over budget and its text was cut in the middle. */
  readonly truncated: boolean;
  /** Tokens of the candidate that the encoder read. */
  readonly tokens: number;
}

/** 1 / (1 + exp(-x)), without overflow for large negative x. */
export function sigmoid(x: number): Probability {
  if (x >= 0) return (1 / (1 + Math.exp(-x))) as Probability;
  const e = Math.exp(x);
  return (e / (1 + e)) as Probability;
}

/** Probability that a candidate is right, by Platt scaling where fitted: sigmoid(a * logit + b). */
export function probabilityOf(
  raw: number,
  calibration: { readonly a: number; readonly b: number } | null,
): Probability {
  return sigmoid(calibration === null ? raw : calibration.a * raw + calibration.b);
}
