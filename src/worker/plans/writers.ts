/** The generators of a deployment's LLMs, made once an isolate, and what is known of LLMs that are down. */
import type { Generator } from "../../llm/generator.ts";
import { openAIGenerator } from "../../llm/openai/generator.ts";
import { ProviderMemory } from "../../llm/openai/providerMemory.ts";
import { workersAiGenerator } from "../../llm/workersAi.ts";
import { aiGateway } from "../../net/aiBinding.ts";
import { Gate } from "../../net/sharedWork.ts";
import type { Config } from "../config/parts.ts";
import { Breakers } from "./breaker.ts";
import type { Llm } from "./llms.ts";

export interface Writers {
  readonly generatorOf: (llm: Llm) => Generator;
  readonly breakers: Breakers;
}

declare module "../config/parts.ts" {
  interface Parts {
    readonly writers: Writers;
  }
}

type Needs = Pick<Config, "llms" | "ai" | "aiGatewayId" | "llmDeadlineMs">;

/** A generator for each LLM. All share what is learnt of providers. */
export function makeWriters(config: Needs): Writers {
  const memory = new ProviderMemory();
  const generators = new Map(
    [...config.llms.values()].map((llm) => [llm.name, generatorFor(llm, memory, config)]),
  );
  return {
    breakers: new Breakers(),
    generatorOf: ({ name }) => {
      const generator = generators.get(name);
      if (generator === undefined) throw new Error("a plan names an LLM that is not configured");
      return generator;
    },
  };
}

function generatorFor(llm: Llm, memory: ProviderMemory, config: Needs): Generator {
  const { model, baseUrl, apiKey, maxConcurrent } = llm;
  const { ai, aiGatewayId, llmDeadlineMs } = config;
  const gate = maxConcurrent === null ? {} : { gate: new Gate(maxConcurrent, llmDeadlineMs) };
  if (llm.provider === "workers-ai" && ai !== null) {
    return workersAiGenerator({ ai, model, gateway: aiGateway(aiGatewayId), ...gate });
  }
  return openAIGenerator({
    baseUrl,
    apiKey,
    model,
    memory,
    // Cloudflare's AI Gateway would keep every prompt in its log; other endpoints do not mind.
    headers: { "cf-aig-collect-log": "false" },
    ...gate,
  });
}
