/**
 * Candidates are asked for in waves: all K at once, or for `k: "auto"` a few at a time until the leading answer is likely
 * to stay ahead, by the rule in the adapter's manifest (src/adapter/select/adaptiveK.ts). A wave is read as fast as the
 * LLM writes it (`Arrivals`).
 */
import { type AdaptiveK, nextWave } from "../../adapter/select/adaptiveK.ts";
import { isSpoken } from "../../llm/generator.ts";
import type { Ask } from "./ask.ts";
import type { KStop, RankedCandidate } from "./outcome.ts";
import type { ScoringState } from "./scoring.ts";

/** First wave while the adapter, and with it the rule, is still being loaded. */
const FIRST_WITHOUT_RULE = 3;

/** How many candidates to ask the LLM for next. */
export class Waves {
  readonly #ask: Ask;
  #first = 0;
  #asked = 0;
  #stopped: KStop | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Candidates asked for so far, those that failed included. */
  get asked(): number {
    return this.#asked;
  }

  /** Why there were no more; null where K was a number. */
  get stopped(): KStop | null {
    return this.#stopped;
  }

  /**
   * The next wave, counted as asked for; null: enough.
   * @param candidates those that have come
   */
  next(
    candidates: readonly RankedCandidate[],
    scoring: ScoringState,
  ): { first: number; n: number } | null {
    const spoken = candidates.filter(isSpoken);
    const n = this.#size(spoken, scoring);
    if (n === 0) return null;
    this.#first = this.#asked;
    this.#asked += n;
    return { first: this.#first, n };
  }

  #size(spoken: readonly RankedCandidate[], scoring: ScoringState): number {
    const { k, adaptive } = this.#ask;
    const left = k - this.#asked;
    if (adaptive === null) return left;
    const begun = this.#asked > 0;
    if (begun && !spoken.some(({ index }) => index >= this.#first)) return this.#stop("llm_failed");
    if (left <= 0) return this.#stop("max_k");
    if (!begun && scoring.kind === "waiting") {
      return Math.min(Math.max(FIRST_WITHOUT_RULE, adaptive.least), k);
    }
    const rule = this.#rule(scoring);
    if (rule === null) return left;
    const hasOptions = this.#ask.question.options.length > 0;
    const n = nextWave(rule, spoken, hasOptions, this.#asked, k);
    if (begun) return n === 0 ? this.#stop("settled") : n;
    return Math.min(Math.max(n, adaptive.least), k);
  }

  /** The manifest's rule; null, and noted, where there is none. */
  #rule(scoring: ScoringState): AdaptiveK | null {
    if (scoring.kind !== "open") {
      this.#stop("degraded");
      return null;
    }
    const rule = scoring.served.ranker.manifest.adaptiveK ?? null;
    if (rule === null) this.#stop("no_rule");
    return rule;
  }

  /** Notes the first reason. */
  #stop(reason: KStop): 0 {
    this.#stopped ??= reason;
    return 0;
  }
}

export interface Arrival<Value> {
  readonly value: Value;
  /** `performance.now()` when it came. */
  readonly atMs: number;
}

/**
 * Values of a source in order, with their times. Reading starts at once and never waits for the consumer, so that the
 * LLM's time is not measured as longer when scoring is slower. To end early, end the source: it is read to its end. One
 * reader, one `next` at a time.
 */
export class Arrivals<Value> implements AsyncIterableIterator<Arrival<Value>, void> {
  /** Resolves when the source has ended, whichever way. */
  readonly ended: Promise<void>;
  readonly #reading: Promise<void>;
  readonly #waiting: Arrival<Value>[] = [];
  #hasEnded = false;
  #wake = () => {};

  /** @param onArrival told of each value when it comes, before the consumer gets it */
  constructor(source: AsyncIterable<Value>, onArrival: (value: Value) => void = () => {}) {
    this.#reading = this.#read(source, onArrival);
    const end = () => {
      this.#hasEnded = true;
      this.#wake();
    };
    this.ended = this.#reading.then(end, end);
  }

  /** Throws what the source threw, after what came before. */
  async next(): Promise<IteratorResult<Arrival<Value>, void>> {
    for (;;) {
      const value = this.#waiting.shift();
      if (value !== undefined) return { done: false, value };
      if (this.#hasEnded) {
        await this.#reading;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #read(source: AsyncIterable<Value>, onArrival: (value: Value) => void): Promise<void> {
    for await (const value of source) {
      this.#waiting.push({ value, atMs: performance.now() });
      onArrival(value);
      this.#wake();
    }
  }
}
