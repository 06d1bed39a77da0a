/** What a request has used and cost at each LLM, and what it may still cost. */
import type { GenerateEvent, TokenUsage } from "../../llm/generator.ts";
import { costMicros, type PricedTokens, worstMicros } from "../ledger/money.ts";
import type { BoundPlan } from "../plans/bounds.ts";
import type { Llm } from "../plans/llms.ts";
import type { Call } from "../plans/schedule.ts";
import { CallTally } from "./unreported.ts";

/** One LLM's part in a request. */
export interface LlmUsage {
  readonly llm: Llm;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** Tokens of thinking; null where it tells none. */
  readonly reasoningTokens: number | null;
  /** HTTP requests, with retries. */
  readonly requests: number;
  /** In micro-units, by the tokens that it reported; null: its price is not known, or it wrote and reported nothing. */
  readonly micros: number | null;
  /** The same with what it did not report, by estimate: for the ledger. Null: its price is not known. */
  readonly countedMicros: number | null;
}

export interface SpendingOptions {
  /** UTF-8 bytes of the prompt's messages, and how many there are. */
  readonly promptBytes: number;
  readonly messages: number;
  /** The most that the request may cost, in micro-units; null: no bound. */
  readonly maxMicros: number | null;
  /** Tokens that a candidate of this LLM may have. */
  readonly maxTokensOf: (llm: Llm) => number;
}

export class Spending {
  readonly #options: SpendingOptions;
  readonly #used = new Map<string, LlmUsage>();
  readonly #tallies = new Map<object, CallTally>();
  /** By LLM: tokens that were not reported, and whether candidates are among them. */
  readonly #unreported = new Map<string, { tokens: PricedTokens; isSilent: boolean }>();
  /** The worst of all calls that were begun. */
  #committed = 0;

  constructor(options: SpendingOptions) {
    this.#options = options;
  }

  /** Whether calls fit into what the request may cost, whatever they come to; they count as begun if they do. */
  afford(calls: readonly Pick<Call, "llm" | "n">[]): boolean {
    const { maxMicros } = this.#options;
    if (maxMicros === null) return true;
    const worst = this.worstOf(calls);
    if (worst === null || this.#committed + worst > maxMicros) return false;
    this.#committed += worst;
    return true;
  }

  /** The most that calls can cost, in micro-units; null: the price of one is not known. */
  worstOf(calls: readonly Pick<Call, "llm" | "n">[]): number | null {
    const { promptBytes, messages, maxTokensOf } = this.#options;
    let sum = 0;
    for (const { llm, n } of calls) {
      if (llm.price === null) return null;
      const worst = { promptBytes, messages, candidates: n, maxTokens: maxTokensOf(llm) };
      sum += worstMicros(worst, llm.price);
    }
    return sum;
  }

  /** Takes note of a call's event: what comes, and what the LLM reports at its end. */
  saw(call: Pick<Call, "llm">, event: GenerateEvent): void {
    const tally = this.#tallies.get(call) ?? new CallTally();
    this.#tallies.set(call, tally);
    tally.saw(event);
    if (event.kind !== "usage") return;
    const { name } = call.llm;
    const { promptBytes, maxTokensOf } = this.#options;
    const bounds = { promptBytes, maxTokens: maxTokensOf(call.llm) };
    const { tokens, isSilent } = tally.unreported(event, bounds);
    const before = this.#unreported.get(name);
    this.#unreported.set(name, {
      tokens: sumOf(before?.tokens ?? NO_TOKENS, tokens),
      isSilent: isSilent || (before?.isSilent ?? false),
    });
    this.#add(call.llm, event.usage, event.requests);
  }

  #add(llm: Llm, usage: TokenUsage, requests: number): void {
    const before = this.#used.get(llm.name);
    const thought = usage.reasoningTokens;
    const promptTokens = (before?.promptTokens ?? 0) + usage.promptTokens;
    const cachedTokens = (before?.cachedTokens ?? 0) + (usage.cachedTokens ?? 0);
    const completionTokens = (before?.completionTokens ?? 0) + usage.completionTokens;
    const tokens = { promptTokens, cachedTokens, completionTokens };
    const { price } = llm;
    const told = price === null ? null : costMicros(tokens, price);
    const unreported = this.#unreported.get(llm.name);
    const rest = price === null ? 0 : costMicros(unreported?.tokens ?? NO_TOKENS, price);
    this.#used.set(llm.name, {
      llm,
      ...tokens,
      reasoningTokens:
        thought === undefined
          ? (before?.reasoningTokens ?? null)
          : (before?.reasoningTokens ?? 0) + thought,
      requests: (before?.requests ?? 0) + requests,
      micros: unreported?.isSilent ? null : told,
      countedMicros: told === null ? null : told + rest,
    });
  }

  get used(): readonly LlmUsage[] {
    return [...this.#used.values()];
  }

  /** All LLMs' tokens together. */
  get usage(): TokenUsage {
    const used = this.used;
    const sum = (of: (one: LlmUsage) => number) => used.reduce((all, one) => all + of(one), 0);
    const thought = used.filter(({ reasoningTokens }) => reasoningTokens !== null);
    return {
      promptTokens: sum((one) => one.promptTokens),
      completionTokens: sum((one) => one.completionTokens),
      ...(thought.length === 0
        ? {}
        : { reasoningTokens: sum(({ reasoningTokens }) => reasoningTokens ?? 0) }),
    };
  }

  /** HTTP requests to LLMs. */
  get requests(): number {
    return this.used.reduce((all, { requests }) => all + requests, 0);
  }
}

const NO_TOKENS: PricedTokens = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };

function sumOf(a: PricedTokens, b: PricedTokens): PricedTokens {
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    completionTokens: a.completionTokens + b.completionTokens,
  };
}

/**
 * The most that a plan can cost a request, in micro-units, all stages entered; null: a price is not known. The place of a
 * member counts by the dearest of those who may take it, and once: a call that failed is taken to be free.
 */
export function worstOfPlan(
  { bound, k }: { readonly bound: BoundPlan; readonly k: number },
  spending: Spending,
): number | null {
  let sum = 0;
  for (const { members, instead } of bound.stages) {
    for (const { llm, candidates } of members) {
      const n = candidates ?? k;
      const worst = [llm, ...instead].map((one) => spending.worstOf([{ llm: one, n }]));
      const known = worst.filter((micros) => micros !== null);
      if (known.length < worst.length) return null;
      sum += Math.max(...known);
    }
  }
  return sum;
}

/** What a request cost in micro-units; null: the price of an LLM that was asked is not known. */
export function costOf(used: readonly LlmUsage[]): number | null {
  return used.reduce<number | null>(
    (sum, { micros }) => (sum === null || micros === null ? null : sum + micros),
    0,
  );
}
