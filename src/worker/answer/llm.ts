/**
 * Who writes the candidates, as the deployment says.
 *
 * What the deployment says of services beyond the Worker: who writes candidates, and which /rerank server scores.
 */

import { type RerankForm, rerankForms } from "../../adapter/remote/httpScorer.ts";
import type { Generator } from "../../llm/generator.ts";
import { openAIGenerator } from "../../llm/openai/generator.ts";
import { ProviderMemory } from "../../llm/openai/providerMemory.ts";
import { workersAiGenerator } from "../../llm/workersAi.ts";
import { type AiBinding, aiGateway } from "../../net/aiBinding.ts";
import type { Config } from "../config/env.ts";

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

/** The variables, secrets and the binding that are read here. */
export interface RemoteBindings {
  readonly LLM_PROVIDER?: string;
  /** Workers AI. Only in the wrangler environment `workers-ai`: the binding is always remote. */
  readonly AI?: AiBinding;
  readonly AI_GATEWAY_ID?: string;
  readonly RERANK_URL?: string;
  readonly RERANK_FORM?: string;
  readonly RERANK_API_KEY?: string;
  readonly RERANK_TIMEOUT_MS?: string;
}

/** A /rerank server for adapters that name `engine: {kind: "http"}`. Never chosen by a caller or a bundle. */
export interface RerankServer {
  readonly url: string;
  readonly form: RerankForm;
  readonly apiKey: string | null;
}

export interface RemoteConfig {
  /** Who writes the candidates. */
  readonly llmProvider: "openai" | "workers-ai";
  /** Null: this deployment has no Workers AI. */
  readonly ai: AiBinding | null;
  /** The AI Gateway through which Workers AI is called; null: none. */
  readonly aiGatewayId: string | null;
  readonly rerankServer: RerankServer | null;
  /** Milliseconds for one call of a remote engine, its retries included. */
  readonly rerankTimeoutMs: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const LEAST_TIMEOUT_MS = 100;
const MOST_TIMEOUT_MS = 60_000;

/** Adds its faults: sentences that name the variable and what it must be. */
export function readRemote(env: RemoteBindings, faults: string[]): RemoteConfig {
  const llmProvider = readProvider(env, faults);
  const ai = env.AI ?? null;
  if (llmProvider === "workers-ai" && ai === null) {
    faults.push(
      "AI must be a Workers AI binding where LLM_PROVIDER is workers-ai: deploy with --env workers-ai",
    );
  }
  const aiGatewayId = env.AI_GATEWAY_ID?.trim() || null;
  if (aiGatewayId !== null && !/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(aiGatewayId)) {
    faults.push("AI_GATEWAY_ID must be the name of an AI Gateway");
  }
  const rerankServer = readServer(env, faults);
  return { llmProvider, ai, aiGatewayId, rerankServer, rerankTimeoutMs: readTimeout(env, faults) };
}

function readProvider({ LLM_PROVIDER }: RemoteBindings, faults: string[]) {
  const provider = LLM_PROVIDER?.trim() || "openai";
  if (provider === "openai" || provider === "workers-ai") return provider;
  faults.push("LLM_PROVIDER must be openai or workers-ai");
  return "openai";
}

function readServer(env: RemoteBindings, faults: string[]): RerankServer | null {
  const form = env.RERANK_FORM?.trim() || "tei";
  const known = rerankForms.find((one) => one === form);
  if (known === undefined) faults.push(`RERANK_FORM must be one of: ${rerankForms.join(", ")}`);
  const text = env.RERANK_URL?.trim();
  if (!text) return null;
  const url = URL.parse(text);
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (url === null || !isHttp || url.username !== "" || url.password !== "") {
    faults.push("RERANK_URL must be the http(s) URL of a /rerank server, without a password in it");
    return null;
  }
  return { url: url.href, form: known ?? "tei", apiKey: env.RERANK_API_KEY || null };
}

function readTimeout({ RERANK_TIMEOUT_MS }: RemoteBindings, faults: string[]): number {
  if (!RERANK_TIMEOUT_MS?.trim()) return DEFAULT_TIMEOUT_MS;
  const value = Number(RERANK_TIMEOUT_MS);
  if (value >= LEAST_TIMEOUT_MS && value <= MOST_TIMEOUT_MS) return value;
  faults.push(`RERANK_TIMEOUT_MS must be a number from ${LEAST_TIMEOUT_MS} to ${MOST_TIMEOUT_MS}`);
  return DEFAULT_TIMEOUT_MS;
}
