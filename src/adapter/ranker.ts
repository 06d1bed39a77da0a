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
  /** Question and options alone exceed the prefix budget; only context may be cut. */
  | { readonly kind: "question_too_long"; readonly tokens: number; readonly limit: number }
  /** All places and the queue are taken. */
  | { readonly kind: "overloaded"; readonly retryAfterSeconds: number }
  /** The ranker was retired: take the current one. */
  | { readonly kind: "retired" };

export type ScoreFailure =
  /** The signal fired, or the session was closed, before the score was there. */
  | { readonly kind: "aborted" }
  | { readonly kind: "engine_failed"; readonly reason: EngineFailureReason }
  | RemoteFailure;

/** A question under way: admitted or in the queue, then encoded, then scoring. */
export interface RankedQuestion {
  /** Tokens of the prefix; 0 where an engine elsewhere reads it. */
  readonly prefixTokens: number;
  /**
   * Its scores are waited for and cost no CPU: asked for as soon as candidates are there, they come sooner. Those of
   * an engine in here compute, and would hold up what is still being read.
   */
  readonly remote: boolean;
  /** The context was cut. */
  readonly truncated: boolean;
  /** Resolves when the question is encoded (or cannot be). Scores wait for it by themselves. */
  readonly ready: Promise<Result<void, ScoreFailure>>;
  /**
   * Scores one candidate. Candidates that are the same to the encoder (case, accents and white space do not
   * count) are scored once and share the result. Never rejects.
   */
  score(candidate: CandidateText): Promise<Result<Score, ScoreFailure>>;
  /** Frees the prefix and the place, once; scores under way or waiting become `aborted`. */
  close(): void;
}

/** What a ranker has in hand, for `/readyz` and metrics. */
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
   * Tokenizes and asks for a place, without waiting. Whoever gets a session must close it.
   * @param owner whose question it is: its prefix is kept for a while, for the same owner's next request
   * about it; null or left out: it is not kept
   */
  open(
    question: Question,
    signal: AbortSignal,
    owner?: string | null,
  ): Result<RankedQuestion, OpenFailure>;
  /** Why `open` would refuse the question now, without a place being taken; null: it would not. */
  refusal(question: Question): OpenFailure | null;
  load(): RankerLoad;
  /** Why its engine should be started afresh (`isEngineFault`); null: there is no reason. */
  fault(): EngineFailureReason | null;
  /** Opens no more; frees the engine when the last open session closes, then resolves. */
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
  /** Calibrated where the manifest says how, otherwise sigmoid(logit). */
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
