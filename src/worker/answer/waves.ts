/**
 * How many candidates to ask the LLM for next: all K at once, or for `k: "auto"` wave by wave until the leading answer
 * is likely enough to stay ahead, by the rule in the adapter's manifest (select/adaptiveK.ts).
 */
import { nextWave } from "../../adapter/select/adaptiveK.ts";
import type { Ask } from "./ask.ts";
import type { KStop, RankedCandidate } from "./outcome.ts";
import type { Scoring } from "./scoring.ts";

/** First wave while the adapter, and with it the rule, is still being loaded. */
const FIRST_WITHOUT_RULE = 3;

export class Waves {
  readonly #ask: Ask;
  readonly #scoring: Scoring;
  #first = 0;
  #asked = 0;
  #stopped: KStop | null = null;

  constructor(ask: Ask, scoring: Scoring) {
    this.#ask = ask;
    this.#scoring = scoring;
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
  next(candidates: readonly RankedCandidate[]): { first: number; n: number } | null {
    const n = this.#size(candidates.filter(({ state }) => state !== "empty"));
    if (n === 0) return null;
    this.#first = this.#asked;
    this.#asked += n;
    return { first: this.#first, n };
  }

  #size(spoken: readonly RankedCandidate[]): number {
    const { k, adaptive } = this.#ask;
    const left = k - this.#asked;
    if (adaptive === null) return left;
    const begun = this.#asked > 0;
    if (begun && !spoken.some(({ index }) => index >= this.#first)) return this.#stop("llm_failed");
    if (left <= 0) return this.#stop("max_k");
    const rule = this.#rule();
    if (rule === "not_loaded") return Math.min(Math.max(FIRST_WITHOUT_RULE, adaptive.least), k);
    if (rule === null) return left;
    const hasOptions = this.#ask.question.options.length > 0;
    const n = nextWave(rule, spoken, hasOptions, this.#asked, k);
    if (begun) return n === 0 ? this.#stop("settled") : n;
    return Math.min(Math.max(n, adaptive.least), k);
  }

  /** The manifest's rule; null, and noted, where there is none. */
  #rule() {
    const { manifest, degraded } = this.#scoring;
    if (manifest === null && degraded === null && this.#asked === 0) return "not_loaded";
    const rule = manifest?.adaptiveK ?? null;
    if (rule === null) this.#stop(manifest === null ? "degraded" : "no_rule");
    return rule;
  }

  /** Notes the first reason. */
  #stop(reason: KStop): 0 {
    this.#stopped ??= reason;
    return 0;
  }
}
