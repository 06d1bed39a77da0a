/**
 * One request's way through one or more calls.
 *
 * K candidates are asked for in one streamed call with `n = K`: providers then bill the prompt once.
 * Where the provider refuses `n`, ignores it, or sends fewer choices than asked for, the rest come
 * from parallel calls for one each, and the memory spares the provider the question next time.
 */
import type { GenerateEvent, GenerateRequest, TokenUsage } from "../generator.ts";
import { type CallSummary, type Endpoint, StreamedCall } from "./call.ts";
import type { Settled } from "./choices.ts";
import type { CallFailure } from "./failure.ts";
import type { Scope } from "./guardedFetch.ts";
import type { ProviderMemory, ProviderTraits } from "./providerMemory.ts";

/** Cloudflare Workers: six connections may wait for headers at once; one is left for the rest. */
const MAX_PARALLEL_CALLS = 5;

/** After these, a call that has not started yet would only fail the same way. */
const HOPELESS: ReadonlySet<string> = new Set([
  "refused_connection",
  "unauthorized",
  "rate_limited",
  "bad_request",
  "not_recorded",
]);

type Failed = Extract<GenerateEvent, { kind: "failed" }>;

export class Round {
  readonly #endpoint: Endpoint;
  readonly #memory: ProviderMemory;
  readonly #model: string;
  readonly #request: GenerateRequest;
  readonly #scope: Scope;
  readonly #id = crypto.randomUUID();
  /** Numbers of the candidates that have neither come nor failed. */
  readonly #open: Set<number>;
  #usage: TokenUsage = { promptTokens: 0, completionTokens: 0 };
  #requests = 0;
  /** What this request's calls have put otherwise; the memory learns it from a call that it helped. */
  #tried: Partial<ProviderTraits> = {};

  constructor(
    endpoint: Endpoint,
    memory: ProviderMemory,
    model: string,
    request: GenerateRequest,
    scope: Scope,
  ) {
    this.#endpoint = endpoint;
    this.#memory = memory;
    this.#model = model;
    this.#request = request;
    this.#scope = scope;
    const first = request.first ?? 0;
    this.#open = new Set(Array.from({ length: request.n }, (_, at) => first + at));
  }

  /** Every candidate's event, then the usage. */
  async *run(): AsyncGenerator<GenerateEvent, void> {
    const { n } = this.#request;
    const limit = n > this.#traits.maxN ? null : yield* this.#askTogether();
    const mode = this.#open.size > 0 ? "parallel" : "n";
    yield* this.#askOneByOne(limit);
    yield { kind: "usage", usage: this.#usage, requests: this.#requests, mode };
  }

  /**
   * One call for all. It leaves open what calls for one may still bring.
   * @returns the largest `n` the provider seems to take, where this one was too many
   */
  async *#askTogether(): AsyncGenerator<GenerateEvent, number | null> {
    const { n, first = 0 } = this.#request;
    const { failure, refused, duplicated, seen } = yield* this.#call(n, first);
    if (n > 1 && refused === "n") return n - 1;
    if (failure !== null) yield* this.#failOpen(failure);
    return n > 1 && (duplicated || seen === 1) ? 1 : null;
  }

  /** @param limit learnt about the provider as soon as a call for one succeeds */
  async *#askOneByOne(limit: number | null): AsyncGenerator<GenerateEvent, void> {
    let hopeless: CallFailure | null = null;
    const ask = (number: number) => this.#askFor(number, () => hopeless);
    for await (const event of inParallel([...this.#open], MAX_PARALLEL_CALLS, ask)) {
      if (event.kind === "failed" && HOPELESS.has(event.reason)) hopeless ??= event;
      if (event.kind === "candidate" && limit !== null) this.#learn({ maxN: limit });
      yield event;
    }
  }

  /** Asks for one candidate, or fails it unasked where another call has shown that to be in vain. */
  async *#askFor(
    number: number,
    hopeless: () => CallFailure | null,
  ): AsyncGenerator<GenerateEvent, void> {
    const failure = hopeless() ?? (yield* this.#call(1, number)).failure;
    if (this.#open.has(number)) yield this.#fail(number, failure ?? { reason: "no_choices" });
  }

  /** One call, made again when the provider refuses a parameter that can be put otherwise. */
  async *#call(n: number, number: number): AsyncGenerator<GenerateEvent, CallSummary> {
    const { seed } = this.#request;
    const call = {
      request: seed === undefined ? this.#request : { ...this.#request, seed: seed + number },
      model: this.#model,
      n,
      clientRequestId: `${this.#id}.${number}`,
    };
    const helps: Partial<ProviderTraits>[] = [];
    for (;;) {
      const traits = this.#traits;
      const streamed = new StreamedCall(this.#endpoint, call, traits, this.#scope);
      for await (const settled of streamed.settled()) {
        if (settled.kind === "candidate") for (const trait of helps.splice(0)) this.#learn(trait);
        yield this.#numbered(settled, number);
      }
      const summary = streamed.summary();
      this.#requests += summary.requests;
      this.#addUsage(summary.usage);
      const better = otherwise(summary, traits);
      if (better === null) return summary;
      helps.push(better);
      this.#tried = { ...this.#tried, ...better };
    }
  }

  /** The event of a choice of a call whose first choice has this number. */
  #numbered(settled: Settled, first: number): GenerateEvent {
    if (settled.kind === "failed") return this.#fail(first + settled.index, settled);
    const index = first + settled.candidate.index;
    this.#open.delete(index);
    return { kind: "candidate", candidate: { ...settled.candidate, index } };
  }

  *#failOpen(failure: CallFailure): Generator<GenerateEvent> {
    for (const number of [...this.#open]) yield this.#fail(number, failure);
  }

  #fail(number: number, { reason, status, retryAfterSeconds }: CallFailure): Failed {
    this.#open.delete(number);
    return {
      kind: "failed",
      index: number,
      reason,
      ...(status === undefined ? {} : { status }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    };
  }

  #addUsage(more: TokenUsage | null): void {
    this.#usage = {
      promptTokens: this.#usage.promptTokens + (more?.promptTokens ?? 0),
      completionTokens: this.#usage.completionTokens + (more?.completionTokens ?? 0),
    };
  }

  get #traits(): ProviderTraits {
    return { ...this.#memory.traits(this.#endpoint.baseUrl, this.#model), ...this.#tried };
  }

  #learn(traits: Partial<ProviderTraits>): void {
    this.#memory.learn(this.#endpoint.baseUrl, this.#model, traits);
  }
}

/** How to put the same call so that the refused parameter is not in it; null: it cannot be. */
function otherwise(
  { refused }: CallSummary,
  traits: ProviderTraits,
): Partial<ProviderTraits> | null {
  if (refused === "stream_options" && traits.streamUsage) return { streamUsage: false };
  if (refused === "max_tokens" && traits.tokenLimitName === "max_tokens") {
    return { tokenLimitName: "max_completion_tokens" };
  }
  return null;
}

/**
 * Runs generators side by side, a bounded number at once, and yields what any of them yields.
 * @param limit how many run at once
 * @param start begins the work for one item; called when there is room for it
 */
export async function* inParallel<Item, Value>(
  items: readonly Item[],
  limit: number,
  start: (item: Item) => AsyncGenerator<Value, void>,
): AsyncGenerator<Value, void> {
  type Running = AsyncGenerator<Value, void>;
  const waiting = [...items];
  const next = new Map<Running, Promise<{ of: Running; step: IteratorResult<Value, void> }>>();
  const advance = (of: Running) => {
    next.set(
      of,
      of.next().then((step) => ({ of, step })),
    );
  };
  const fill = () => {
    for (const item of waiting.splice(0, limit - next.size)) advance(start(item));
  };
  try {
    fill();
    while (next.size > 0) {
      const { of, step } = await Promise.race(next.values());
      if (step.done) {
        next.delete(of);
        fill();
      } else {
        advance(of);
        yield step.value;
      }
    }
  } finally {
    // Not awaited: one that hangs in a read ends when its own signal fires, after this.
    for (const of of next.keys()) of.return().catch(() => undefined);
  }
}
