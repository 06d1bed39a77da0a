/** Who writes the candidates, and how much: what the deployment says of LLMs, and the generator made from it. */
import { z } from "zod";
import type { Generator } from "../../llm/generator.ts";
import { openAIGenerator } from "../../llm/openai/generator.ts";
import { ProviderMemory } from "../../llm/openai/providerMemory.ts";
import { workersAiGenerator } from "../../llm/workersAi.ts";
import { aiGateway } from "../../net/aiBinding.ts";
import { parseJson } from "../../net/response.ts";
import type { Bindings, Config } from "../config/parts.ts";
import { readBound } from "../config/readers.ts";
import { MAX_K, MAX_TOKENS } from "./fields.ts";

const ModelDefaults = z.strictObject({
  max_tokens: z.int().min(1).max(MAX_TOKENS).optional(),
  temperature: z.number().min(0).max(2).optional(),
  reasoning_effort: z
    .string()
    .regex(/^[a-z]{1,16}$/u)
    .optional(),
});
export type ModelDefaults = z.infer<typeof ModelDefaults>;

declare module "../config/parts.ts" {
  interface Bindings {
    readonly LLM_PROVIDER?: string;
    readonly LLM_BASE_URL?: string;
    readonly LLM_API_KEY?: string;
    readonly LLM_MODEL?: string;
    readonly MAX_K?: string;
    readonly MAX_TOKENS?: string;
    readonly MODEL_DEFAULTS?: string;
  }
  interface Config {
    /** Who writes the candidates. */
    readonly llmProvider: "openai" | "workers-ai";
    /** OpenAI-compatible endpoint, without a trailing slash. Never chosen by a caller; "" where Workers AI writes. */
    readonly llmBaseUrl: string;
    readonly llmApiKey: string | null;
    /** Models that callers may name; the first is the default. */
    readonly models: readonly [string, ...string[]];
    /** Candidates that a request may have written, and tokens for each. */
    readonly maxK: number;
    readonly maxTokens: number;
    /** What holds for a model where a request does not say. */
    readonly modelDefaults: ReadonlyMap<string, ModelDefaults>;
  }
  interface Parts {
    readonly generator: Generator;
  }
}

/** Adds its faults. */
export function readLlm(env: Bindings, faults: string[]) {
  const models = (env.LLM_MODEL ?? "").split(",").map((name) => name.trim());
  const [first = "", ...others] = models.filter((name) => name !== "");
  if (first === "") faults.push("LLM_MODEL must name a model, or several separated by commas");
  const llmProvider = readProvider(env, faults);
  if (llmProvider === "workers-ai" && env.AI === undefined) {
    faults.push(
      "AI must be a Workers AI binding where LLM_PROVIDER is workers-ai: deploy with --env workers-ai",
    );
  }
  return {
    llmProvider,
    llmBaseUrl: llmProvider === "openai" ? readUrl(env.LLM_BASE_URL, faults) : "",
    llmApiKey: env.LLM_API_KEY || null,
    models: [first, ...others] as [string, ...string[]],
    maxK: readBound(env, "MAX_K", MAX_K, faults),
    maxTokens: readBound(env, "MAX_TOKENS", MAX_TOKENS, faults),
    modelDefaults: readModelDefaults(env, models, faults),
  } satisfies Partial<Config>;
}

/** `{"MODEL": {"max_tokens"?, "temperature"?, "reasoning_effort"?}}` */
function readModelDefaults(
  { MODEL_DEFAULTS }: Bindings,
  models: readonly string[],
  faults: string[],
): ReadonlyMap<string, ModelDefaults> {
  const text = MODEL_DEFAULTS?.trim() || "{}";
  const read = z.record(z.string(), ModelDefaults).safeParse(parseJson(text));
  if (!read.success) {
    const [issue] = read.error.issues;
    const at = issue?.path.slice(1).join(".");
    faults.push(
      `MODEL_DEFAULTS must be JSON such as {"MODEL": {"max_tokens": 8192, "reasoning_effort": "low"}}${at ? ` (see ${at})` : ""}`,
    );
    return new Map();
  }
  const unknown = Object.keys(read.data).filter((name) => !models.includes(name));
  if (unknown.length > 0) faults.push("MODEL_DEFAULTS names a model that LLM_MODEL does not");
  return new Map(Object.entries(read.data));
}

function readProvider({ LLM_PROVIDER }: Bindings, faults: string[]) {
  const provider = LLM_PROVIDER?.trim() || "openai";
  if (provider === "openai" || provider === "workers-ai") return provider;
  faults.push("LLM_PROVIDER must be openai or workers-ai");
  return "openai";
}

function readUrl(value: string | undefined, faults: string[]): string {
  const url = URL.parse(value ?? "");
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    faults.push("LLM_BASE_URL must be the http(s) URL of an OpenAI-compatible endpoint");
    return "";
  }
  return (value ?? "").replace(/\/+$/, "");
}

/** The generator that the configuration names. */
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
