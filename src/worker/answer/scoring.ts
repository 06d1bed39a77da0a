/**
 * The scoring half of a request. It opens before the LLM is asked, so that an over-long question or a full queue is
 * refused at no cost. Where no adapter is loaded yet it opens as soon as there is one, while the LLM writes.
 *
 * `ScoringState` alone says whether the question can be scored. It goes one way:
 * `waiting` -> `open` -> `degraded`, or from `waiting` to `refused`, `degraded` or `closed`.
 */
import type { OpenFailure, RankedQuestion, Score } from "../../adapter/ranker.ts";
import { type WaitUntil, waitAtMost } from "../../net/sharedWork.ts";
import type { Option, Question } from "../../tasks/question.ts";
import type { DegradedReason, RankerSource, Served, ServedBy } from "../adapters/source.ts";
import { adapterId } from "../http/log.ts";
import type { StartSpan } from "../http/metrics.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import type { Spent } from "../ledger/meter.ts";

/** How long candidates wait for an adapter that is being loaded, after the first of them came. */
const LOAD_WAIT_MS = 20_000;
/** How long they wait for a check of the pointer, where an adapter is there that may be out of date. */
const REFRESH_WAIT_MS = 5_000;
/** How long a stream's headers wait for it, so that a refusal can still be a plain response. */
const ADMISSION_WAIT_MS = 10_000;

/** Whether a question can be scored. */
export type ScoringState =
  | {
      /** No adapter has the question yet: the pointer is being checked, or a version is being loaded. */
      readonly kind: "waiting";
      /** The adapter that is here would refuse the question; a newer one, which is being looked for, decides. */
      readonly likelyRefused: boolean;
    }
  | OpenState
  /** An adapter has refused the question: it is too long, or there is no place for it. */
  | { readonly kind: "refused"; readonly problem: Problem }
  /** There are no scores, or no more of them. `opened`: what scored before; null: nothing did. */
  | {
      readonly kind: "degraded";
      readonly reason: DegradedReason;
      readonly opened: OpenState | null;
    }
  /** Closed before an adapter had the question. */
  | { readonly kind: "closed" };

/** An adapter has the question: candidates are scored by it. */
export interface OpenState {
  readonly kind: "open";
  readonly served: Served;
  readonly session: RankedQuestion;
}

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
  /** A question that is too long is cut in its middle. Left out: it is refused. */
  readonly mayCut?: boolean;
}

/** Whose question it is, and what goes on beside it. */
export interface ScoringContext {
  /** Encoded questions are kept for a tenant's next request, and shared with no other tenant. */
  readonly tenant: string;
  /** Ends scoring. */
  readonly signal: AbortSignal;
  readonly waitUntil: WaitUntil;
  readonly startSpan: StartSpan;
}

export class Scoring {
  readonly #source: RankerSource;
  readonly #ask: ScoringAsk;
  readonly #context: ScoringContext;
  readonly #startedAt = performance.now();
  /** Resolves when the state is no longer `waiting`; nothing to wait for otherwise. */
  readonly #opening: Promise<void>;
  #state: ScoringState;
  #prefixMs: number | null = null;
  #prefixTokens = 0;
  #scoringMs = 0;
  /** Candidates that are the same to the encoder share one score: it was computed, and counts, once. */
  readonly #scores = new Set<Score>();

  /** Admits the question. Throws `Problem` where a loaded adapter refuses it. */
  constructor(source: RankerSource, ask: ScoringAsk, context: ScoringContext) {
    this.#source = source;
    this.#ask = ask;
    this.#context = context;
    const refreshing = source.refresh(context.waitUntil);
    const ready = source.ready();
    const state = ready === null ? null : this.#open(ready);
    if (state?.kind === "refused") throw state.problem;
    if (state !== null) {
      this.#state = state;
      this.#opening = Promise.resolve();
      return;
    }
    const current = source.current();
    const refusal = current?.ranker.refusal(ask.question, context.tenant, ask.mayCut) ?? null;
    const likelyRefused = refusal !== null && refusal.kind !== "retired";
    this.#state = { kind: "waiting", likelyRefused };
    const known = current === null ? refreshing : waitAtMost(refreshing, REFRESH_WAIT_MS);
    this.#opening = known.then(() => this.#decide());
  }

  get state(): ScoringState {
    return this.#state;
  }

  /** The adapter that scored, or would have; null: none had the question. */
  get adapter(): ServingAdapter | null {
    const opened = openedIn(this.#state);
    if (opened === null) return null;
    const { ranker, servedBy } = opened.served;
    return { name: ranker.manifest.name, version: ranker.manifest.version, channel: servedBy };
  }

  /** The context was cut, or the question where it may be. */
  get truncated(): boolean {
    return openedIn(this.#state)?.session.truncated ?? false;
  }

  get figures(): ScoringFigures {
    return {
      tokens: [...this.#scores].reduce((sum, score) => sum + score.tokens, this.#prefixTokens),
      scored: this.#scores.size,
      prefixMs: this.#prefixMs,
      scoringMs: this.#scoringMs,
    };
  }

  /** Waits a short while for an adapter to admit the question. Throws `Problem` where it refuses. */
  async admitted(): Promise<void> {
    if (this.#state.kind === "waiting") await waitAtMost(this.#opening, ADMISSION_WAIT_MS);
    this.#throwRefusal();
  }

  /** Waits for an adapter; from then on the state is `waiting` no more. Throws `Problem` where it refuses the question. */
  async opened(): Promise<void> {
    if (this.#state.kind === "waiting") {
      await waitAtMost(this.#opening, LOAD_WAIT_MS);
      this.#decide(); // If the check took too long, the version that is here serves, if any.
    }
    this.#throwRefusal();
  }

  /** Scores one candidate; null where there is no adapter, or no more: the state then says why. */
  async score(answer: Option | null, text: string): Promise<Score | null> {
    await this.opened();
    const opened = this.#state;
    if (opened.kind !== "open") return null;
    const { session } = opened;
    const ready = await session.ready;
    const began = performance.now();
    const span = this.#context.startSpan("score");
    const result = ready.ok ? await session.score({ answer, text }) : ready;
    span.end(result.ok ? { tokens: result.value.tokens } : { failed: true });
    this.#scoringMs += performance.now() - began;
    if (result.ok) {
      this.#scores.add(result.value);
      return result.value;
    }
    if (result.failure.kind === "aborted") {
      throw new Problem(this.#context.signal.aborted ? "client_closed" : "overloaded");
    }
    this.#state = { kind: "degraded", reason: result.failure.kind, opened };
    return null;
  }

  /**
   * Begins to score a candidate that will be asked for later, where an engine elsewhere scores: round trips then
   * overlap. Nothing happens where the engine is in here, or not open yet.
   */
  begin(answer: Option | null, text: string): void {
    if (this.#state.kind !== "open" || !this.#state.session.remote) return;
    void this.#state.session.score({ answer, text });
  }

  /** Gives the place back. To be called at the end, whatever happened. */
  close(): void {
    if (this.#state.kind === "waiting") this.#state = { kind: "closed" };
    openedIn(this.#state)?.session.close();
  }

  /** Ends the waiting: by what serves now, or without scores. */
  #decide(): void {
    if (this.#state.kind !== "waiting") return;
    const current = this.#source.current();
    this.#state = (current === null ? null : this.#open(current)) ?? {
      kind: "degraded",
      reason: this.#source.fault()?.kind ?? "loading",
      opened: null,
    };
  }

  /** Puts the question to a ranker. Null where that was retired meanwhile: another one is to be had, or will be. */
  #open(served: Served): Extract<ScoringState, { kind: "open" | "refused" }> | null {
    const { tenant, signal, startSpan } = this.#context;
    const opened = served.ranker.open(this.#ask.question, signal, tenant, this.#ask.mayCut);
    if (!opened.ok) {
      if (opened.failure.kind === "retired") return null;
      return { kind: "refused", problem: problemOf(opened.failure, this.#ask.questionField) };
    }
    const session = opened.value;
    const span = startSpan("prefix");
    void session.ready.then((ready) => {
      span.end({ tokens: session.prefixTokens, failed: !ready.ok });
      if (!ready.ok || session.remote) return;
      this.#prefixMs = performance.now() - this.#startedAt;
      this.#prefixTokens = session.prefixTokens;
    });
    return { kind: "open", served, session };
  }

  #throwRefusal(): void {
    if (this.#state.kind === "refused") throw this.#state.problem;
  }
}

function openedIn(state: ScoringState): OpenState | null {
  if (state.kind === "open") return state;
  return state.kind === "degraded" ? state.opened : null;
}

/** What the ledger counts of scoring. */
export function spentOf({
  adapter,
  figures,
}: Scoring): Pick<Spent, "adapter" | "candidates" | "adapterTokens"> {
  return {
    adapter: adapter === null ? null : adapterId(adapter),
    candidates: figures.scored,
    adapterTokens: figures.tokens,
  };
}

function problemOf(
  failure: Exclude<OpenFailure, { kind: "retired" }>,
  questionField: string,
): Problem {
  switch (failure.kind) {
    case "question_too_long":
      return fieldProblem("question_too_long", questionField);
    case "overloaded":
      return new Problem("overloaded", { retryAfterSeconds: failure.retryAfterSeconds });
  }
}
