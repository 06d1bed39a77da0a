/**
 * The generator for Cloudflare's Workers AI. The binding is dressed as an OpenAI-compatible endpoint, so that streams,
 * retries, limits and failures are those of `openai/`. Its models know no `n`: candidates come from parallel calls.
 */
import type { AiBinding, AiGatewayOptions } from "../../net/aiBinding.ts";
import type { Generator } from "../generator.ts";
import { openAIGenerator } from "../openai/generator.ts";
import { ProviderMemory } from "../openai/providerMemory.ts";
import { bindingFetch } from "./bindingFetch.ts";

export interface WorkersAiGeneratorOptions {
  readonly ai: AiBinding;
  /** e.g. `@cf/meta/llama-3.3-70b-instruct-fp8-fast`. */
  readonly model: string;
  readonly gateway: AiGatewayOptions | null;
  /** Tries after the first of a call that failed before it began; 2 unless told. */
  readonly maxRetries?: number;
}

/** Never resolved: nothing goes there. */
const BASE_URL = "https://workers-ai.invalid/v1";

export function workersAiGenerator(options: WorkersAiGeneratorOptions): Generator {
  const { ai, gateway, model, maxRetries } = options;
  return openAIGenerator({
    baseUrl: BASE_URL,
    apiKey: null,
    model,
    memory: new ProviderMemory({ maxN: 1, streamUsage: false }),
    fetch: bindingFetch(ai, gateway),
    ...(maxRetries === undefined ? {} : { maxRetries }),
  });
}
