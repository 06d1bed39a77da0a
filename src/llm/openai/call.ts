/** One HTTP call to an OpenAI-compatible endpoint, from the request to its settled choices. */
import { waitAtMost } from "../../net/sharedWork.ts";
import type { GenerateRequest, TokenUsage } from "../generator.ts";
import { Choices, type Settled } from "./choices.ts";
import { readChunk } from "./chunk.ts";
import { EventTooLarge, NotJson, type Value, ValueReader } from "./events.ts";
import { type CallFailure, reportedFailure } from "./failure.ts";
import { type Endpoint, send } from "./postWithRetries.ts";
import type { ProviderTraits } from "./providerMemory.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import type { Scope } from "./scope.ts";

/** What to ask in this call. */
export interface Call {
  readonly request: GenerateRequest;
  readonly model: string;
  readonly n: number;
  /** The call's name at the provider (`X-Client-Request-Id`), for its support and for the replay. */
  readonly clientRequestId: string;
}

/** How a call ended. */
export interface CallSummary {
  /** null: the stream came to its proper end. */
  readonly failure: CallFailure | null;
  readonly refused: Refusal | null;
  readonly usage: TokenUsage | null;
  /** HTTP requests sent, retries included. */
  readonly requests: number;
  /** Number of different choices that came, and whether two came under one index. */
  readonly seen: number;
  readonly duplicated: boolean;
}

/** All choices have ended, but the server keeps the stream open: so long is waited for more. */
const AFTER_LAST_END_MS = 3_000;
/** One choice has ended, and then nothing comes for so long: the end was its own. */
const CONFIRMED_BY_SILENCE_MS = 300;

type Read =
  | { readonly done: true; readonly value?: undefined }
  | { readonly done: false; readonly value: Uint8Array };

/** Thrown where the server itself reports a fault. */
class Reported extends Error {
  readonly failure: CallFailure;
  constructor(failure: CallFailure) {
    super(failure.reason);
    this.failure = failure;
  }
}

/** Made once, with `run`. */
export class CompletionCall {
  readonly #endpoint: Endpoint;
  readonly #call: Call;
  readonly #traits: ProviderTraits;
  readonly #scope: Scope;
  readonly #choices: Choices;
  readonly #values = new ValueReader();
  #usage: Partial<TokenUsage> | null = null;
  #chunks = 0;

  constructor(endpoint: Endpoint, call: Call, traits: ProviderTraits, scope: Scope) {
    this.#endpoint = endpoint;
    this.#call = call;
    this.#traits = traits;
    this.#scope = scope;
    this.#choices = new Choices(call.n);
  }

  /**
   * Makes the call and reads its answer to the end. Never throws for a fault of the provider.
   * @param settle told of each choice when it has settled
   */
  async run(settle: (choice: Settled) => void): Promise<CallSummary> {
    const leave = await this.#endpoint.gate?.enter(this.#scope.signal);
    try {
      return await this.#run(settle);
    } finally {
      leave?.();
    }
  }

  async #run(settle: (choice: Settled) => void): Promise<CallSummary> {
    const body = bodyOf(this.#call, this.#traits);
    const sent = await send(this.#endpoint, body, this.#call.clientRequestId, this.#scope);
    let failure = sent.failure;
    if (sent.response !== null) failure = await this.#readAll(sent.response, settle);
    const ended = this.#scope.ended();
    if (ended !== null) failure = { reason: ended };
    for (const choice of this.#choices.end(failure?.reason ?? null)) settle(choice);
    return {
      failure,
      refused: sent.failure === null ? null : refusalOf(sent.failure, sent.error),
      usage: this.#usage && { promptTokens: 0, completionTokens: 0, ...this.#usage },
      requests: sent.requests,
      seen: this.#choices.seen,
      duplicated: this.#choices.duplicated,
    };
  }

  async #readAll(
    { body, status }: Response,
    settle: (choice: Settled) => void,
  ): Promise<CallFailure | null> {
    try {
      const whole = body === null || (await this.#readBody(body, settle));
      return whole ? this.#howItEnded(status) : null;
    } catch (error) {
      if (error instanceof Reported) return error.failure;
      if (error instanceof EventTooLarge) return { reason: "too_large" };
      if (error instanceof NotJson)
        return { reason: "malformed", ...(this.#chunks === 0 ? { status } : {}) };
      return { reason: "cut_stream" };
    }
  }

  /** False where reading was broken off, because the rest could not be used. */
  async #readBody(
    body: ReadableStream<Uint8Array>,
    settle: (choice: Settled) => void,
  ): Promise<boolean> {
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#next(reader, settle);
        const values = done ? this.#values.end() : this.#values.read(value);
        for (const one of values) this.#take(one, settle);
        if (this.#values.fault !== null) throw this.#values.fault;
        if (this.#choices.duplicated || this.#choices.exhausted) return false;
        if (done || this.#values.sawDone) return true;
      }
    } finally {
      // Ends the connection, where the body has not ended by itself.
      reader.cancel().catch(() => {});
    }
  }

  /** The next piece. A server that falls silent is taken at its word about the choices that it called ended. */
  async #next(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    settle: (choice: Settled) => void,
  ): Promise<Read> {
    const read = reader.read() as Promise<Read>;
    if (this.#choices.unconfirmed) {
      const first = await waitAtMost(read, CONFIRMED_BY_SILENCE_MS);
      if (first !== null) return first;
      for (const choice of this.#choices.silent()) settle(choice);
    }
    if (this.#choices.seen < this.#call.n || !this.#choices.allEnded) return read;
    return (await waitAtMost(read, AFTER_LAST_END_MS)) ?? { done: true };
  }

  #take({ value, event }: Value, settle: (choice: Settled) => void): void {
    if (value === null) return;
    const chunk = readChunk(value);
    if (chunk === null) {
      // A named event that is no chunk, such as a ping.
      if (event !== null && event !== "message" && event !== "error") return;
      throw new NotJson();
    }
    this.#chunks += 1;
    // Some providers repeat a running total in every chunk: the last one counts.
    if (chunk.usage !== null) this.#usage = { ...this.#usage, ...chunk.usage };
    for (const choice of this.#choices.add(chunk)) settle(choice);
    if (chunk.error !== null) throw new Reported(reportedFailure(chunk.error));
  }

  /** Whether an answer that ended without an error came to its proper end. */
  #howItEnded(status: number): CallFailure | null {
    const { bytes, sawDone } = this.#values;
    if (this.#chunks === 0 && !sawDone) {
      return bytes > 0 ? { reason: "malformed", status } : { reason: "cut_stream" };
    }
    if (this.#choices.seen === 0) return { reason: "no_choices" };
    // Some servers never send [DONE]; others never say why a choice ended, and then only [DONE] tells.
    // One JSON text that could be read is whole.
    const oneText = this.#values.isJson && this.#chunks === 1;
    const whole = sawDone || this.#choices.allEnded || oneText;
    return whole ? null : { reason: "cut_stream" };
  }
}

function bodyOf({ request, model, n }: Call, traits: ProviderTraits): Record<string, unknown> {
  const { messages, temperature, topP, maxTokens, stop, seed, user, reasoningEffort } = request;
  const droppable = {
    temperature,
    top_p: topP,
    seed,
    user,
    reasoning_effort: reasoningEffort,
  };
  const drawn = Object.entries(droppable).filter(
    ([name, value]) => value !== undefined && !traits.drops.some((dropped) => dropped === name),
  );
  return {
    model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    stream: traits.stream,
    ...(n > 1 ? { n } : {}),
    ...(traits.stream && traits.streamUsage ? { stream_options: { include_usage: true } } : {}),
    ...Object.fromEntries(drawn),
    ...(maxTokens === undefined ? {} : { [traits.tokenLimitName]: maxTokens }),
    ...(stop === undefined ? {} : { stop: [...stop] }),
  };
}
