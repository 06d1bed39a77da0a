/** The generator for OpenAI-compatible endpoints: OpenAI, vLLM, Ollama, AI Gateway, the replay. */
import type { Generator } from "../generator.ts";
import type { Endpoint } from "./call.ts";
import type { Fetch } from "./guardedFetch.ts";
import { openScope } from "./guardedFetch.ts";
import type { ProviderMemory } from "./providerMemory.ts";
import { Round } from "./round.ts";

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
  };
  return {
    model: options.model,
    generate: async function* (request) {
      const scope = openScope(request.signal, request.deadlineMs);
      const model = request.model ?? options.model;
      try {
        yield* new Round(endpoint, options.memory, model, request, scope).run();
      } finally {
        scope.close();
      }
    },
  };
}
