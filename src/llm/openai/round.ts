/**
 * One request's way through one or more calls. It tells events through `emit`, so that no event passes through an
 * async generator here; `generator.ts` has the only one.
 *
 * One call with `n = K` asks for K candidates: the provider then bills the prompt once. If the provider refuses `n`,
 * ignores it, or sends fewer choices, the rest come from parallel calls for one candidate each. The memory then avoids
 * the refused call for a while.
 */
import type { GenerateEvent, GenerateRequest, TokenUsage } from "../generator.ts";
import { type CallSummary, CompletionCall } from "./call.ts";
import type { Settled } from "./choices.ts";
import type { CallFailure } from "./failure.ts";
import type { Endpoint } from "./postWithRetries.ts";
import type { Asked, ProviderMemory, ProviderTraits } from "./providerMemory.ts";
import { type Droppable, droppable } from "./refusal.ts";
import type { Scope } from "./scope.ts";

/** In Cloudflare Workers six connections may wait for headers at once. One is left for everything else. */
const MAX_PARALLEL_CALLS = 5;

/** After these, a call that has not started yet would only fail the same way. */
const HOPELESS: ReadonlySet<string> = new Set([
  "refused_connection",
  "unauthorized",
  "rate_limited",
  "quota",
  "filtered",
  "context_too_long",
  "token_limit",
  "unknown_model",
  "bad_request",
  "not_recorded",
]);

/** Below this, servers sample greedily. */
const GREEDY = 0.01;

/** What a round needs. */
export interface RoundParts {
  readonly endpoint: Endpoint;
  readonly memory: ProviderMemory;
  readonly model: string;
  readonly request: GenerateRequest;
  readonly scope: Scope;
  /** Told of every event, as it happens. */
  readonly emit: (event: GenerateEvent) => void;
}

export class Round {
  readonly #parts: RoundParts;
  readonly #id = crypto.randomUUID();
  /** Numbers of the candidates that have neither come nor failed. */
  readonly #open: Set<number>;
  readonly #asked: Asked;
  #usage: TokenUsage = { promptTokens: 0, completionTokens: 0 };
  #requests = 0;
  /** Changes that this request's calls have tried. The memory learns one when a call with it succeeds. */
  #tried: Partial<ProviderTraits> = {};
  /** The largest `n` that the provider seems to take; the memory is told when a call for one brings its candidate. */
  #limit: { readonly maxN: number; readonly how: "learn" | "suspect" } | null = null;
  /** Why a call that has not started yet would fail; null: no reason is known. */
  #hopeless: CallFailure | null = null;

  constructor(parts: RoundParts) {
    this.#parts = parts;
    const { first = 0, n, temperature = 1 } = parts.request;
    const { endpoint, model } = parts;
    this.#open = new Set(Array.from({ length: n }, (_, at) => first + at));
    this.#asked = { baseUrl: endpoint.baseUrl, model, greedy: temperature < GREEDY };
  }

  /** Asks for all candidates: an event for each, and the usage last. Never rejects for a fault of the provider. */
  async run(): Promise<void> {
    const { request, emit } = this.#parts;
    if (request.n <= this.#traits.maxN) await this.#askTogether();
    const mode = this.#open.size > 0 ? "parallel" : "n";
    await this.#askOneByOne();
    const ignored = this.#ignored();
    emit({ kind: "usage", usage: this.#usage, requests: this.#requests, mode, ignored });
  }

  /** One call for all. Candidates that separate calls may still bring stay open. */
  async #askTogether(): Promise<void> {
    const { n, first = 0 } = this.#parts.request;
    const { failure, refused, duplicated, seen } = await this.#call(n, first);
    if (n > 1 && refused?.parameter === "n") {
      // A refusal that names the temperature depends on this request's, save where the memory keeps greedy ones apart.
      const general = refused.always || this.#asked.greedy;
      this.#limit = general ? { maxN: n - 1, how: "learn" } : null;
      return;
    }
    if (failure !== null) for (const number of [...this.#open]) this.#fail(number, failure, true);
    if (n > 1 && (duplicated || seen === 1)) this.#limit = { maxN: 1, how: "suspect" };
  }

  /** Calls for one candidate each, a bounded number at once. Each of them, when done, goes on with the next candidate. */
  async #askOneByOne(): Promise<void> {
    const waiting = [...this.#open];
    const askInTurn = async () => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
        await this.#askFor(number);
      }
    };
    const { parallel = MAX_PARALLEL_CALLS } = this.#parts.request;
    await Promise.all(Array.from({ length: Math.min(parallel, MAX_PARALLEL_CALLS) }, askInTurn));
  }

  /** Asks for one candidate. Where another call has shown that this is in vain, fails it unasked. */
  async #askFor(number: number): Promise<void> {
    const failure = this.#hopeless ?? (await this.#call(1, number)).failure;
    if (this.#open.has(number)) this.#fail(number, failure ?? { reason: "no_choices" }, true);
  }

  /** One call; made again when the provider refuses a parameter that can be changed. */
  async #call(n: number, number: number): Promise<CallSummary> {
    const { endpoint, model, request, scope } = this.#parts;
    const { seed } = request;
    const call = {
      request: seed === undefined ? request : { ...request, seed: seed + number },
      model,
      n,
      clientRequestId: `${this.#id}.${number}`,
    };
    const helps: Partial<ProviderTraits>[] = [];
    for (;;) {
      const traits = this.#traits;
      const summary = await new CompletionCall(endpoint, call, traits, scope).run((settled) => {
        if (settled.kind === "candidate") for (const trait of helps.splice(0)) this.#learn(trait);
        this.#settle(settled, number);
      });
      this.#requests += summary.requests;
      this.#addUsage(summary.usage);
      const better = otherwise(summary, traits);
      if (better === null) return summary;
      if (summary.refused?.always === true) helps.push(better);
      this.#tried = { ...this.#tried, ...better };
    }
  }

  /** Passes on a choice of a call whose first choice has the number `first`. */
  #settle(settled: Settled, first: number): void {
    if (settled.kind === "failed") {
      this.#fail(first + settled.index, settled, false);
      return;
    }
    if (this.#limit !== null) {
      const { maxN, how } = this.#limit;
      this.#limit = null;
      this.#parts.memory[how](this.#asked, { maxN });
    }
    const index = first + settled.candidate.index;
    this.#open.delete(index);
    this.#parts.emit({ kind: "candidate", candidate: { ...settled.candidate, index } });
  }

  /** @param wholeCall the call failed, and not this choice alone */
  #fail(number: number, failure: CallFailure, wholeCall: boolean): void {
    const { reason, status, retryAfterSeconds, parameter } = failure;
    if (wholeCall && HOPELESS.has(reason)) this.#hopeless ??= failure;
    this.#open.delete(number);
    this.#parts.emit({
      kind: "failed",
      index: number,
      reason,
      ...(status === undefined ? {} : { status }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      ...(parameter === undefined ? {} : { parameter }),
    });
  }

  #addUsage(more: TokenUsage | null): void {
    const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = this.#usage;
    const cached = more?.cachedTokens ?? cachedTokens;
    const thought = more?.reasoningTokens ?? reasoningTokens;
    this.#usage = {
      promptTokens: promptTokens + (more?.promptTokens ?? 0),
      completionTokens: completionTokens + (more?.completionTokens ?? 0),
      ...(cached === undefined
        ? {}
        : { cachedTokens: (cachedTokens ?? 0) + (more?.cachedTokens ?? 0) }),
      ...(thought === undefined
        ? {}
        : { reasoningTokens: (reasoningTokens ?? 0) + (more?.reasoningTokens ?? 0) }),
    };
  }

  /** What the caller asked for and the provider was not told. */
  #ignored(): Droppable[] {
    const { temperature, topP, seed, user, reasoningEffort } = this.#parts.request;
    const given = { temperature, top_p: topP, seed, user, reasoning_effort: reasoningEffort };
    const { drops } = this.#traits;
    return droppable.filter((name) => given[name] !== undefined && drops.includes(name));
  }

  get #traits(): ProviderTraits {
    return { ...this.#parts.memory.traits(this.#asked), ...this.#tried };
  }

  #learn(traits: Partial<ProviderTraits>): void {
    this.#parts.memory.learn(this.#asked, traits);
  }
}

/** The change that keeps the refused parameter out of the call; null: there is none. */
function otherwise(
  { refused }: CallSummary,
  traits: ProviderTraits,
): Partial<ProviderTraits> | null {
  const name = refused?.parameter;
  switch (name) {
    case undefined:
    case "n":
      return null;
    case "stream_options":
      return traits.streamUsage ? { streamUsage: false } : null;
    case "stream":
      return traits.stream ? { stream: false } : null;
    case "max_tokens":
      return traits.tokenLimitName === "max_tokens"
        ? { tokenLimitName: "max_completion_tokens" }
        : null;
    default:
      return traits.drops.includes(name) ? null : { drops: [...traits.drops, name] };
  }
}
