/**
 * * One request at its tenant's ledger: let through before it costs anything, counted while it runs, settled once when all
 * of its work has ended, also where its client has left.
 *
 * What a request is thought to cost, before it runs: counted, and flagged, only if it is never settled.
 */
import type { Generator, TokenUsage } from "../../llm/generator.ts";
import type { Caller } from "../access/caller.ts";
import { adapterId } from "../http/log.ts";
import { Problem } from "../http/problems.ts";
import type { RequestId } from "../http/request.ts";
import type { WaitUntil } from "../http/waiting.ts";
import { type Idempotency, refusal, replayed } from "./idempotency.ts";
import type { Ledger, LimitState, ReserveResult, Usage } from "./ledger.ts";

/** What the scoring half of a request has done so far. */
export interface ScoringSource {
  readonly adapter: { readonly name: string; readonly version: string } | null;
  readonly figures: { readonly tokens: number; readonly scored: number };
  /** The adapter refused the question. */
  readonly refused: boolean;
}

export interface MeterOptions {
  readonly ledger: Ledger;
  readonly caller: Caller;
  readonly requestId: RequestId;
  /** Milliseconds after which the ledger gives the request up for dead. */
  readonly holdMs: number;
  /** Of a request with an Idempotency-Key. */
  readonly idempotency: Idempotency | null;
  readonly waitUntil: WaitUntil;
  /** Whether what the work threw makes it no request, though it asked the LLM: what was asked is counted all the same. */
  readonly isFree?: (thrown: unknown) => boolean;
}

/** `nothing`: not let through, or ended before it cost anything. */
export type MeterEnd = "nothing" | "failed" | "succeeded";

export class Meter {
  readonly #options: MeterOptions;
  #limit: LimitState | null = null;
  #ended: Promise<MeterEnd> = Promise.resolve("nothing");
  #scoring: ScoringSource | null = null;
  readonly #llmCalls: Promise<void>[] = [];
  #llmRequests = 0;
  #tokens: TokenUsage = { promptTokens: 0, completionTokens: 0 };

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  /** The key's quota as it was when this request asked; null before, and where there is none. */
  get limit(): LimitState | null {
    return this.#limit;
  }

  /** How it ended; settled by then. */
  get ended(): Promise<MeterEnd> {
    return this.#ended;
  }

  /**
   * Runs what costs. The work starts at once and must wait for `admitted` before it asks the LLM or scores; that
   * rejects with `Problem` or `Replayed` where the ledger does not let the request through.
   */
  async run<Value>(
    estimate: Usage,
    work: (admitted: Promise<void>) => Promise<Value>,
  ): Promise<Value> {
    const end = Promise.withResolvers<void>();
    const admitted = this.#begin(estimate, end.promise);
    try {
      const value = await work(admitted);
      end.resolve();
      return value;
    } catch (error) {
      end.reject(error);
      throw error;
    }
  }

  /**
   * The same for work that tells of itself while it runs. Who reads no further must `return` the events.
   * @param isLast the event after which the work has succeeded
   */
  async *events<Event>(
    estimate: Usage,
    work: (admitted: Promise<void>) => AsyncGenerator<Event, void>,
    isLast: (event: Event) => boolean,
  ): AsyncGenerator<Event, void> {
    const end = Promise.withResolvers<void>();
    const admitted = this.#begin(estimate, end.promise);
    try {
      for await (const event of work(admitted)) {
        if (isLast(event)) end.resolve();
        yield event;
      }
    } catch (error) {
      end.reject(error);
      throw error;
    } finally {
      end.reject(new Error("broken off")); // changes nothing after the last event
    }
  }

  /** The generator, its usage counted. */
  counting(generator: Generator): Generator {
    const count = (tokens: TokenUsage, requests: number) => {
      this.#llmRequests += requests;
      this.#tokens = {
        promptTokens: this.#tokens.promptTokens + tokens.promptTokens,
        completionTokens: this.#tokens.completionTokens + tokens.completionTokens,
      };
    };
    const calls = this.#llmCalls;
    return {
      model: generator.model,
      generate: async function* (request) {
        const call = Promise.withResolvers<void>();
        calls.push(call.promise);
        try {
          for await (const event of generator.generate(request)) {
            if (event.kind === "usage") count(event.usage, event.requests);
            yield event;
          }
        } finally {
          call.resolve();
        }
      },
    };
  }

  /** Says whose scores are to be counted. */
  watch(scoring: ScoringSource): void {
    this.#scoring = scoring;
  }

  #begin(estimate: Usage, working: Promise<void>): Promise<void> {
    const admitted = this.#admit(estimate);
    this.#ended = this.#settle(admitted, working);
    this.#options.waitUntil(this.#ended);
    return admitted;
  }

  async #admit(estimate: Usage): Promise<void> {
    const { ledger, caller, requestId, holdMs, idempotency, waitUntil } = this.#options;
    const { keyId, quota } = caller;
    const replay = idempotency?.wish ?? null;
    let result: ReserveResult;
    try {
      result = await ledger.reserve({ requestId, keyId, quota, estimate, holdMs, replay });
    } catch {
      // It may have been noted all the same: taken back, if that can be done.
      waitUntil(ledger.release(requestId).catch(() => {}));
      throw new Problem("ledger_unavailable");
    }
    if ("limit" in result) this.#limit = result.limit;
    if (result.kind === "replay") throw await replayed(result.answer, idempotency);
    if (result.kind !== "granted") throw refusal(result);
  }

  async #settle(admitted: Promise<void>, working: Promise<unknown>): Promise<MeterEnd> {
    const granted = await fulfilled(admitted);
    const failure = await working.then(
      () => null,
      (thrown: unknown) => ({ thrown }),
    );
    if (!granted) return "nothing";
    // A broken-off call tells what it used only when it has ended.
    await Promise.all(this.#llmCalls);
    const { ledger, requestId, isFree } = this.#options;
    const waits = failure !== null && isFree?.(failure.thrown) === true;
    const usage = waits ? { ...this.#usage(), requests: 0 } : this.#usage();
    const succeeded = failure === null;
    const free = !succeeded && usage.llmRequests + usage.candidates === 0;
    // Where the ledger cannot be reached its alarm counts the request, by its estimate.
    await (free ? ledger.release(requestId) : ledger.settle(requestId, usage)).catch(() => {});
    if (free) return "nothing";
    return succeeded ? "succeeded" : "failed";
  }

  #usage(): Usage {
    const { adapter, figures } = this.#scoring ?? { adapter: null, figures: null };
    return {
      adapter: adapter === null ? null : adapterId(adapter),
      // One refused by an adapter that was loaded behind the LLM: what the LLM was asked is counted, no request is.
      requests: this.#scoring?.refused ? 0 : 1,
      candidates: figures?.scored ?? 0,
      adapterTokens: figures?.tokens ?? 0,
      ...this.#tokens,
      llmRequests: this.#llmRequests,
    };
  }
}

function fulfilled(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}

/** Rough figures: characters a token of English text, tokens of a question and of a candidate at the adapter. */
const CHARS_PER_TOKEN = 4;
const PREFIX_TOKENS = 200;
const CANDIDATE_TOKENS = 100;

export interface Forecast {
  /** Candidates to score. */
  readonly candidates: number;
  /** Characters of the prompt; null where no LLM is asked. */
  readonly promptChars: number | null;
  /** The adapter that serves now, if any, is thought to serve to the end. */
  readonly adapter: { readonly name: string; readonly version: string } | null;
}

/** What such a request is thought to use. */
export function estimateOf({ candidates, promptChars, adapter }: Forecast): Usage {
  return {
    adapter: adapter === null ? null : adapterId(adapter),
    requests: 1,
    candidates,
    adapterTokens: PREFIX_TOKENS + candidates * CANDIDATE_TOKENS,
    promptTokens: Math.ceil((promptChars ?? 0) / CHARS_PER_TOKEN),
    completionTokens: promptChars === null ? 0 : candidates * CANDIDATE_TOKENS,
    llmRequests: promptChars === null ? 0 : 1,
  };
}
