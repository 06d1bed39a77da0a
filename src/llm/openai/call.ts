/** One streamed HTTP call to an OpenAI-compatible endpoint, from the request to its settled choices. */
import OpenAI from "openai";
import type { ChatCompletionCreateParamsStreaming } from "openai/resources/chat/completions";
import type { GenerateRequest, TokenUsage } from "../generator.ts";
import { Choices, readChunk, type Settled } from "./choices.ts";
import { type CallFailure, classify, type RefusedParameter, refusedParameter } from "./failure.ts";
import { type Fetch, guardedFetch, type Scope, type Watch } from "./guardedFetch.ts";
import type { ProviderTraits } from "./providerMemory.ts";

/** Where and how to call. */
export interface Endpoint {
  readonly baseUrl: string;
  /** null: no Authorization header is sent. */
  readonly apiKey: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: Fetch;
  /** Retries by the SDK: after connection faults, 408, 409, 429 and 5xx. */
  readonly maxRetries: number;
}

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
  readonly refused: RefusedParameter | null;
  readonly usage: TokenUsage | null;
  /** HTTP requests sent, retries included. */
  readonly requests: number;
  /** Number of different choices that came, and whether two came under one index. */
  readonly seen: number;
  readonly duplicated: boolean;
}

/** Made once, with `run`. */
export class StreamedCall {
  readonly #endpoint: Endpoint;
  readonly #call: Call;
  readonly #traits: ProviderTraits;
  readonly #scope: Scope;
  readonly #watch: Watch = { requests: 0, errorBody: "", bytes: 0, sawDone: false };
  readonly #choices: Choices;
  #usage: TokenUsage | null = null;
  #failure: CallFailure | null = null;

  constructor(endpoint: Endpoint, call: Call, traits: ProviderTraits, scope: Scope) {
    this.#endpoint = endpoint;
    this.#call = call;
    this.#traits = traits;
    this.#scope = scope;
    this.#choices = new Choices(call.n);
  }

  /**
   * Makes the call and reads its stream to the end. Never throws.
   * @param settle told of each choice when it has settled
   */
  async run(settle: (choice: Settled) => void): Promise<CallSummary> {
    let streaming = false;
    try {
      const { data, response } = await client(this.#endpoint, this.#watch, this.#scope)
        .chat.completions.create(body(this.#call, this.#traits), {
          signal: this.#scope.signal,
          // The scope ends a call sooner. The SDK's own clock starts anew with each try.
          timeout: this.#scope.remainingMs() + 60_000,
          headers: { "X-Client-Request-Id": this.#call.clientRequestId },
        })
        .withResponse();
      streaming = true;
      if (isEventStream(response)) {
        await this.#read(data, settle);
      } else {
        data.controller.abort();
        this.#failure = { reason: "malformed", status: response.status };
      }
    } catch (error) {
      this.#failure = classify(error, streaming);
    }
    // The SDK ends a stream silently when its signal fires.
    const ended = this.#scope.ended();
    if (ended !== null) this.#failure = { reason: ended };
    for (const choice of this.#choices.end(this.#failure?.reason ?? null)) settle(choice);
    return {
      failure: this.#failure,
      refused: this.#failure && refusedParameter(this.#failure, this.#watch.errorBody),
      usage: this.#usage,
      requests: this.#watch.requests,
      seen: this.#choices.seen,
      duplicated: this.#choices.duplicated,
    };
  }

  async #read(stream: AsyncIterable<unknown>, settle: (choice: Settled) => void): Promise<void> {
    let chunks = 0;
    for await (const raw of stream) {
      const chunk = readChunk(raw);
      if (chunk === null) throw new SyntaxError("not a completion chunk");
      chunks += 1;
      // Some providers repeat a running total in every chunk: the last one counts.
      this.#usage = chunk.usage ?? this.#usage;
      for (const choice of this.#choices.add(chunk)) settle(choice);
      if (this.#choices.duplicated || this.#choices.exhausted) return;
    }
    this.#failure = this.#howItEnded(chunks);
  }

  /** Whether a stream that ended without an error came to its proper end. */
  #howItEnded(chunks: number): CallFailure | null {
    const { bytes, sawDone } = this.#watch;
    if (chunks === 0 && !sawDone) return { reason: bytes > 0 ? "malformed" : "cut_stream" };
    if (this.#choices.seen === 0) return { reason: "no_choices" };
    // Some servers never send [DONE]; others never say why a choice ended, and then only [DONE] tells.
    return sawDone || this.#choices.allEnded ? null : { reason: "cut_stream" };
  }
}

function isEventStream(response: Response): boolean {
  return /^text\/event-stream\b/iu.test(response.headers.get("content-type") ?? "");
}

function client(
  { baseUrl, apiKey, headers, fetch, maxRetries }: Endpoint,
  watch: Watch,
  scope: Scope,
) {
  return new OpenAI({
    baseURL: baseUrl,
    // The SDK would otherwise read each of these from the environment.
    apiKey: apiKey ?? "none",
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    defaultHeaders: { ...headers, ...(apiKey === null ? { Authorization: null } : {}) },
    maxRetries,
    // Its log lines may hold parts of responses.
    logLevel: "off",
    fetch: guardedFetch(fetch, watch, scope),
  });
}

function body(
  { request, model, n }: Call,
  traits: ProviderTraits,
): ChatCompletionCreateParamsStreaming {
  const { messages, temperature, topP, maxTokens, stop, seed, user } = request;
  return {
    model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    stream: true,
    ...(n > 1 ? { n } : {}),
    ...(traits.streamUsage ? { stream_options: { include_usage: true } } : {}),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(maxTokens === undefined ? {} : { [traits.tokenLimitName]: maxTokens }),
    ...(stop === undefined ? {} : { stop: [...stop] }),
    ...(seed === undefined ? {} : { seed }),
    ...(user === undefined ? {} : { user }),
  };
}
