/**
 * The generator for OpenAI-compatible endpoints: OpenAI, vLLM, Ollama, AI Gateway, the replay.
 *
 * Between the wire and the caller of `generate` stands one async generator: `generate` itself. `CompletionCall` reads an
 * answer and calls back, `Round` does so with the events of all its calls, and `generate` yields them from a queue.
 */
import type { Gate } from "../../net/sharedWork.ts";
import type { GenerateEvent, GenerateRequest, Generator } from "../generator.ts";
import type { Endpoint, Fetch } from "./postWithRetries.ts";
import type { ProviderMemory } from "./providerMemory.ts";
import { Round } from "./round.ts";
import { openScope } from "./scope.ts";

export interface OpenAIGeneratorOptions {
  /** Ends in `/v1` where the provider's does, e.g. `http://127.0.0.1:11434/v1`. Never a caller's choice. */
  readonly baseUrl: string;
  /** null: the endpoint wants no key. */
  readonly apiKey: string | null;
  readonly model: string;
  readonly memory: ProviderMemory;
  /** Sent with every call, e.g. `cf-aig-collect-log: false`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Tries after the first of a call that failed before it began; 2 unless told. */
  readonly maxRetries?: number;
  /** Bounds the calls at once, over all requests of the isolate. */
  readonly gate?: Gate;
  readonly fetch?: Fetch;
}

/**
 * A `Generator` that talks to one endpoint; its events are the port's.
 *
 * @example
 * const memory = new ProviderMemory(); // once, in module scope
 * const llm = openAIGenerator({ baseUrl, apiKey, model: "gpt-4.1-mini", memory });
 * for await (const event of llm.generate({ messages, n: 5, signal, deadlineMs: 60_000 })) { ... }
 */
export function openAIGenerator(options: OpenAIGeneratorOptions): Generator {
  const endpoint: Endpoint = {
    baseUrl: options.baseUrl,
    apiKey: options.apiKey,
    headers: options.headers ?? {},
    // Called as a plain function: workerd refuses a fetch that is bound to an object.
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    maxRetries: options.maxRetries ?? 2,
    gate: options.gate ?? null,
  };
  return {
    model: options.model,
    generate: (request) => generate(endpoint, options, request),
  };
}

async function* generate(
  endpoint: Endpoint,
  { memory, model }: OpenAIGeneratorOptions,
  request: GenerateRequest,
): AsyncGenerator<GenerateEvent, void> {
  const scope = openScope(request.signal, request.deadlineMs);
  const waiting: GenerateEvent[] = [];
  let over = false;
  let wake = (): void => {};
  const emit = (event: GenerateEvent) => {
    waiting.push(event);
    wake();
  };
  const round = new Round({
    endpoint,
    memory,
    model: request.model ?? model,
    request,
    scope,
    emit,
  });
  const running = round.run().finally(() => {
    over = true;
    wake();
  });
  // A fault of the program is thrown below, where the caller still reads.
  running.catch(() => {});
  try {
    for (;;) {
      const event = waiting.shift();
      if (event !== undefined) yield event;
      else if (over) return await running;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    // Ends the calls of a caller that reads no further.
    scope.close();
  }
}
