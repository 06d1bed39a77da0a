/**
 * One request at its tenant's ledger: let through before it costs anything (`open`), settled once when all of its work
 * has ended (`close`), also where its client has left.
 *
 * @example
 * const admission = meter.open(estimate); // the ledger is asked; what costs nothing can begin meanwhile
 * try {
 *   const admitted = await admission;
 *   if (admitted.kind === "replay") return admitted.response;
 *   ... // ask the LLM, score
 * } finally {
 *   meter.close(ending, spent);
 * }
 */

import type { WaitUntil } from "../../net/sharedWork.ts";
import type { Caller } from "../access/caller.ts";
import type { Config } from "../config/parts.ts";
import { adapterId } from "../http/log.ts";
import { Problem } from "../http/problems.ts";
import type { RequestId } from "../http/request.ts";
import { type Idempotency, refusal } from "./idempotency.ts";
import type { Ledger, LimitState, ReserveResult, Usage } from "./ledger.ts";
import { costMicros, type Price, type PricedTokens } from "./money.ts";
import { type CapState, capProblem, capsOf, type LlmSpent, percentOf, userOf } from "./spend.ts";

export interface MeterOptions {
  readonly ledger: Ledger;
  readonly caller: Pick<Caller, "keyId" | "quota" | "how" | "principal" | "spend">;
  readonly requestId: RequestId;
  /** Milliseconds after which the ledger gives the request up for dead. */
  readonly holdMs: number;
  /** Of a request with an Idempotency-Key. */
  readonly idempotency: Idempotency | null;
  readonly waitUntil: WaitUntil;
}

/** The ledger has let the request through, or an earlier one with the same Idempotency-Key has the answer. */
export type Admission =
  | { readonly kind: "granted" }
  | { readonly kind: "replay"; readonly response: Response };

/**
 * How the work ended. `failed`: a request is counted if anything was used. `uncounted`: it failed in a way that is no
 * request of the caller's; what was used is counted all the same.
 */
export type Ending = "succeeded" | "failed" | "uncounted";

/** What a request has used. */
export type Spent = Omit<Usage, "requests">;

/** `nothing`: not let through, or ended before it cost anything. */
export type Settlement = "nothing" | "failed" | "succeeded";

/** What a request has used that asked no LLM and scored nothing. */
export const NOTHING: Spent = {
  adapter: null,
  candidates: 0,
  adapterTokens: 0,
  promptTokens: 0,
  completionTokens: 0,
  llmRequests: 0,
  llms: [],
};

interface Closing {
  readonly ending: Ending;
  readonly spent: Spent | Promise<Spent>;
}

export class Meter {
  readonly #options: MeterOptions;
  readonly #closing = Promise.withResolvers<Closing>();
  #limit: LimitState | null = null;
  #caps: readonly CapState[] = [];
  #settled: Promise<Settlement> = Promise.resolve("nothing");

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  /** The key's quota as it was when this request asked; null before, and where there is none. */
  get limit(): LimitState | null {
    return this.#limit;
  }

  /** The caller's spending caps as they were when this request asked; none before. */
  get caps(): readonly CapState[] {
    return this.#caps;
  }

  /** Of the cap of which most is spent, whole hundredths; null: there is none. */
  get spendPercent(): number | null {
    return this.#caps.length === 0 ? null : Math.max(...this.#caps.map(percentOf));
  }

  /** How the request was settled, as soon as it is. */
  get settled(): Promise<Settlement> {
    return this.#settled;
  }

  /**
   * Asks the ledger, in one call, to reserve the request and to look for an answer that is kept. Whoever opens must
   * close, whatever comes of it. Rejects with `Problem` where the ledger refuses.
   * @param estimate counted, and flagged, only if the request is never settled
   * @param worstMicros the most that the request can cost; null: not known, which no spending cap lets through
   */
  open(estimate: Usage, worstMicros: number | null = 0): Promise<Admission> {
    const admission = this.#admit(estimate, worstMicros);
    this.#settled = this.#settle(admission, estimate.requests);
    this.#options.waitUntil(this.#settled);
    return admission;
  }

  /**
   * The work has ended: from now on the request is being settled. A second call changes nothing.
   * @param spent where calls to the LLM were broken off it is known when they have ended; it must not reject
   */
  close(ending: Ending, spent: Spent | Promise<Spent>): void {
    this.#closing.resolve({ ending, spent });
  }

  /**
   * For a request with an Idempotency-Key: keeps a whole, good answer when the request is settled. Anything else leaves
   * the key free for a retry. Never rejects.
   */
  async keep(response: Response): Promise<void> {
    const { idempotency, ledger, requestId } = this.#options;
    if (idempotency === null) return;
    const copy = response.ok ? response.clone() : null;
    const body = await copy?.arrayBuffer().catch(() => null);
    const settlement = await this.#settled;
    if (settlement === "nothing") return;
    const type = copy?.headers.get("content-type") ?? "application/json";
    const answer =
      settlement === "succeeded" && copy && body
        ? await idempotency.seal(copy.status, type, new Uint8Array(body))
        : null;
    await ledger.keep(requestId, answer).catch(() => {});
  }

  async #admit(estimate: Usage, worstMicros: number | null): Promise<Admission> {
    const { ledger, caller, requestId, holdMs, idempotency, waitUntil } = this.#options;
    const { keyId, quota } = caller;
    const replay = idempotency?.wish ?? null;
    const caps = capsOf(caller);
    if (caps.length > 0 && worstMicros === null) throw new Problem("llm_price_unknown");
    const spend = { worstMicros: worstMicros ?? 0, caps, user: userOf(caller) };
    const wish = { requestId, keyId, quota, estimate, holdMs, replay, spend };
    let result: ReserveResult;
    try {
      result = await ledger.reserve(wish);
    } catch {
      // The ledger may have noted the request all the same: try to take it back.
      waitUntil(ledger.release(requestId).catch(() => {}));
      throw new Problem("ledger_unavailable");
    }
    if ("limit" in result) this.#limit = result.limit;
    if ("caps" in result) this.#caps = result.caps;
    if (result.kind === "granted") return { kind: "granted" };
    if (result.kind === "cap_reached") {
      throw capProblem(result.cap, spend.worstMicros, Date.now());
    }
    if (result.kind !== "replay") throw refusal(result);
    const response = await idempotency?.replay(result.answer);
    if (response === undefined) throw new Problem("internal");
    return { kind: "replay", response };
  }

  async #settle(admission: Promise<Admission>, requests: number): Promise<Settlement> {
    const granted = await admission.then(
      ({ kind }) => kind === "granted",
      () => false,
    );
    const { ending, spent: spending } = await this.#closing.promise;
    if (!granted) return "nothing";
    const spent = await spending;
    const { ledger, requestId } = this.#options;
    const free = ending !== "succeeded" && spent.llmRequests + spent.candidates === 0;
    const usage = { ...spent, requests: ending === "uncounted" ? 0 : requests };
    // If the ledger cannot be reached, its alarm counts the request by its estimate.
    await (free ? ledger.release(requestId) : ledger.settle(requestId, usage)).catch(() => {});
    if (free) return "nothing";
    return ending === "succeeded" ? "succeeded" : "failed";
  }
}

/** Past the LLM's deadline: time for loading, scoring and a slow ledger. Milliseconds. */
const HOLD_MARGIN_MS = 60_000;

/** Milliseconds after which a request that was not settled has died. */
export function holdMs({ llmDeadlineMs }: Pick<Config, "llmDeadlineMs">): number {
  return llmDeadlineMs + HOLD_MARGIN_MS;
}

/** Rough figures: characters a token of English text, tokens of a question and of a candidate at the adapter. */
const CHARS_PER_TOKEN = 4;
const PREFIX_TOKENS = 200;
const CANDIDATE_TOKENS = 100;

export interface Forecast {
  /** Candidates to score. */
  readonly candidates: number;
  /** Characters of the prompt. */
  readonly promptChars: number;
  /** Who is expected to write how many candidates; none where no LLM is asked. */
  readonly calls: readonly {
    readonly llm: { readonly name: string; readonly price: Price | null };
    readonly candidates: number;
  }[];
  /** The adapter that serves now, if any: it is expected to serve to the end. */
  readonly adapter: { readonly name: string; readonly version: string } | null;
}

/** Tokens of which nothing more is known than their text's length and number. @param prompts times that the prompt is read */
export function expectedTokens(
  promptChars: number,
  prompts: number,
  candidates: number,
): PricedTokens {
  return {
    promptTokens: Math.ceil(promptChars / CHARS_PER_TOKEN) * prompts,
    cachedTokens: 0,
    completionTokens: candidates * CANDIDATE_TOKENS,
  };
}

/** What such a request is expected to use. */
export function estimateOf({ candidates, promptChars, calls, adapter }: Forecast): Usage {
  const llms = calls.map(({ llm: { name: llm, price }, candidates }): LlmSpent => {
    const tokens = expectedTokens(promptChars, 1, candidates);
    return { llm, ...tokens, requests: 1, costMicros: price && costMicros(tokens, price) };
  });
  return {
    adapter: adapter === null ? null : adapterId(adapter),
    requests: 1,
    candidates,
    adapterTokens: PREFIX_TOKENS + candidates * CANDIDATE_TOKENS,
    promptTokens: llms.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
    completionTokens: llms.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
    llmRequests: llms.length,
    llms,
  };
}
