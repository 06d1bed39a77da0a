/**
 * The scoring half of a request. Opened before the LLM is asked, so that an over-long question or a full queue is
 * refused at no cost; where no adapter is loaded yet it opens as soon as there is one, while the LLM writes.
 */

import type { Manifest } from "../../adapter/manifest.ts";
import type { OpenFailure, RankedQuestion, Ranker, Score } from "../../adapter/ranker.ts";
import type { Option, Question } from "../../tasks/question.ts";
import type { DegradedReason, RankerSource, Served, ServedBy } from "../adapters/source.ts";
import type { StartSpan } from "../http/metrics.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import { type WaitUntil, waitAtMost } from "../http/waiting.ts";

/** How long candidates wait for an adapter that is being loaded, after the first of them came. */
const LOAD_WAIT_MS = 20_000;
/** How long they wait for a check of the pointer, where an adapter is there that may be out of date. */
const REFRESH_WAIT_MS = 5_000;
/** How long a stream's headers wait for it, so that a refusal can still be a plain response. */
const ADMISSION_WAIT_MS = 10_000;

export interface ScoringFigures {
  /** Tokens that were scored: the question's, also where it was encoded before, and each score's. */
  readonly tokens: number;
  /** Candidates that the encoder scored. */
  readonly scored: number;
  /** From the start until the question was encoded; null where it was not. */
  readonly prefixMs: number | null;
  /** Time spent waiting for scores, in sum. */
  readonly scoringMs: number;
}

/** The version that scored, and by what it came to. */
export interface ServingAdapter {
  readonly name: string;
  readonly version: string;
  readonly channel: ServedBy;
}

/** What is scored against. */
export interface ScoringAsk {
  readonly question: Question;
  /** The field that held the question, for problems. */
  readonly questionField: string;
}

/** Whose question it is, and what goes on beside it. */
export interface ScoringContext {
  /** Encoded questions are kept for a tenant's next request, and shared with no other tenant. */
  readonly tenant: string;
  /** Ends waiting and scoring. */
  readonly signal: AbortSignal;
  readonly waitUntil: WaitUntil;
  readonly startSpan: StartSpan;
}

export class Scoring {
  readonly #ask: ScoringAsk;
  readonly #tenant: string;
  readonly #signal: AbortSignal;
  readonly #startSpan: StartSpan;
  readonly #startedAt = performance.now();
  readonly #source: RankerSource;
  #opening: Promise<void>;
  #ranker: Ranker | null = null;
  #servedBy: ServedBy = "stable";
  #session: RankedQuestion | null = null;
  #refused: Problem | null = null;
  #doubtful = false;
  #degraded: DegradedReason | null = null;
  #prefixMs: number | null = null;
  #scoringMs = 0;
  /** Candidates that are the same to the encoder share one score: it was computed, and counts, once. */
  readonly #scores = new Set<Score>();
  #prefixTokens = 0;
  #closed = false;

  /**
   * Admits the question. Throws `Problem` where a loaded adapter refuses it.
   */
  constructor(source: RankerSource, ask: ScoringAsk, context: ScoringContext) {
    this.#source = source;
    this.#ask = ask;
    this.#tenant = context.tenant;
    this.#signal = context.signal;
    this.#startSpan = context.startSpan;
    const refreshed = source.refresh(context.waitUntil);
    const served = source.ready();
    if (served !== null && this.#open(served)) {
      if (this.#refused !== null) throw this.#refused;
      this.#opening = Promise.resolve();
    } else {
      const held = source.current();
      const refusal = held?.ranker.refusal(ask.question) ?? null;
      this.#doubtful = refusal !== null && refusal.kind !== "retired";
      const known = held === null ? refreshed : waitAtMost(refreshed, REFRESH_WAIT_MS);
      this.#opening = known.then(() => this.#openLate());
    }
  }

  /** The manifest by which answers are selected; null when degraded. */
  get manifest(): Manifest | null {
    return this.#degraded === null ? (this.#ranker?.manifest ?? null) : null;
  }

  /** The adapter that is here would refuse the question; a newer one, which is being looked for, decides. */
  get doubtful(): boolean {
    return this.#doubtful;
  }

  /** The question was refused: too long, or no place for it. */
  get refused(): boolean {
    return this.#refused !== null;
  }

  get degraded(): DegradedReason | null {
    return this.#degraded;
  }

  /** The adapter that scored, or would have. */
  get adapter(): ServingAdapter | null {
    const manifest = this.#ranker?.manifest;
    if (manifest === undefined) return null;
    return { name: manifest.name, version: manifest.version, channel: this.#servedBy };
  }

  /** The context was cut. */
  get truncated(): boolean {
    return this.#session?.truncated ?? false;
  }

  get figures(): ScoringFigures {
    return {
      tokens: [...this.#scores].reduce((sum, score) => sum + score.tokens, this.#prefixTokens),
      scored: this.#scores.size,
      prefixMs: this.#prefixMs,
      scoringMs: this.#scoringMs,
    };
  }

  /** Waits a short while for an adapter under way to admit the question. Throws `Problem` where it refuses. */
  async admitted(): Promise<void> {
    await waitAtMost(this.#opening, ADMISSION_WAIT_MS);
    if (this.#refused !== null) throw this.#refused;
  }

  /** Waits for an adapter under way. Throws `Problem` where it refuses the question. */
  async opened(): Promise<void> {
    // Who has waited once and found nothing does not wait again with the next candidate.
    if (this.#degraded === null) await waitAtMost(this.#opening, LOAD_WAIT_MS);
    // It took too long: then by what serves already, if anything does.
    this.#openLate();
    if (this.#refused !== null) throw this.#refused;
  }

  /** Scores one candidate; null where there is no adapter, or no more: `degraded` then says why. */
  async score(answer: Option | null, text: string): Promise<Score | null> {
    await this.opened();
    if (this.#session === null || this.#degraded !== null) return null;
    const ready = await this.#session.ready;
    const began = performance.now();
    const span = this.#startSpan("score");
    const result = ready.ok ? await this.#session.score({ answer, text }) : ready;
    span.end(result.ok ? { tokens: result.value.tokens } : { failed: true });
    this.#scoringMs += performance.now() - began;
    if (result.ok) {
      this.#scores.add(result.value);
      return result.value;
    }
    if (result.failure.kind === "aborted") {
      throw new Problem(this.#signal.aborted ? "client_closed" : "overloaded");
    }
    this.#degraded = result.failure.kind;
    return null;
  }

  /**
   * Begins to score a candidate that will be asked for later, where an engine elsewhere scores: round trips then
   * overlap. Nothing happens where the engine is in here, or not open yet.
   */
  begin(answer: Option | null, text: string): void {
    if (this.#session?.remote && this.#degraded === null)
      void this.#session.score({ answer, text });
  }

  /** Gives the place back. To be called at the end, whatever happened. */
  close(): void {
    this.#closed = true;
    this.#session?.close();
  }

  #openLate(): void {
    const decided = this.#session !== null || this.#refused !== null || this.#degraded !== null;
    if (this.#closed || decided) return;
    const served = this.#source.current();
    if (served !== null && this.#open(served)) return;
    this.#degraded = this.#source.fault()?.kind ?? "loading";
  }

  /** False where the ranker was retired meanwhile: another one is to be had, or will be. */
  #open({ ranker, servedBy }: Served): boolean {
    const opened = ranker.open(this.#ask.question, this.#signal, this.#tenant);
    if (!opened.ok) {
      if (opened.failure.kind === "retired") return false;
      this.#refused = problemOf(opened.failure, this.#ask.questionField);
      return true;
    }
    this.#ranker = ranker;
    this.#servedBy = servedBy;
    this.#session = opened.value;
    const span = this.#startSpan("prefix");
    void opened.value.ready.then((ready) => {
      span.end({ tokens: opened.value.prefixTokens, failed: !ready.ok });
      if (!ready.ok || opened.value.remote) return;
      this.#prefixMs = performance.now() - this.#startedAt;
      this.#prefixTokens = opened.value.prefixTokens;
    });
    return true;
  }
}

type Refusal = Exclude<OpenFailure, { kind: "retired" }>;

function problemOf(failure: Refusal, questionField: string): Problem {
  switch (failure.kind) {
    case "question_too_long":
      return fieldProblem("question_too_long", questionField);
    case "overloaded":
      return new Problem("overloaded", { retryAfterSeconds: failure.retryAfterSeconds });
  }
}
