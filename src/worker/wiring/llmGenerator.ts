/** Who writes the candidates, as the deployment says. */
import type { Generator } from "../../llm/generator.ts";
import { openAIGenerator } from "../../llm/openai/generator.ts";
import { ProviderMemory } from "../../llm/openai/providerMemory.ts";
import { workersAiGenerator } from "../../llm/workersAi/generator.ts";
import { aiGateway } from "../../net/aiBinding.ts";
import type { Config } from "./env.ts";

export function llmGenerator(config: Config): Generator {
  const [model] = config.models;
  const { ai, aiGatewayId, llmProvider, llmBaseUrl: baseUrl, llmApiKey: apiKey } = config;
  if (llmProvider === "workers-ai" && ai !== null) {
    return workersAiGenerator({ ai, model, gateway: aiGateway(aiGatewayId) });
  }
  return openAIGenerator({
    baseUrl,
    apiKey,
    model,
    memory: new ProviderMemory(),
    // Cloudflare's AI Gateway would keep every prompt in its log; other endpoints do not mind.
    headers: { "cf-aig-collect-log": "false" },
  });
}
