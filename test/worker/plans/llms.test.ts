/** What the deployment says of Workers AI and of the /rerank server, and whom a bundle may ask. */
import { describe, expect, test } from "vitest";
import type { AiBinding } from "../../../src/net/aiBinding.ts";
import { remoteScorer } from "../../../src/worker/adapters/engines.ts";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import { readConfig } from "../../../src/worker/configuration.ts";
import { makeWriters } from "../../../src/worker/plans/writers.ts";

const asked: unknown[][] = [];
const AI: AiBinding = {
  run: async (...call) => {
    asked.push(call);
    return new Response(null, { status: 400 });
  },
};

const usual = { LLM_MODEL: "m", LLM_BASE_URL: "http://127.0.0.1:1/v1" };

/** The configuration of these variables beside the usual ones. */
function configOf(variables: Partial<Bindings>) {
  const read = readConfig({ ...usual, ...variables } as Bindings);
  if (!read.ok) throw new Error(read.faults.join());
  return read.config;
}

function faultsOf(variables: Partial<Bindings>): readonly string[] {
  const read = readConfig({ ...usual, ...variables } as Bindings);
  return read.ok ? [] : read.faults;
}

describe("the configuration", () => {
  test("is an OpenAI-compatible endpoint and no /rerank server by default", () => {
    expect(configOf({})).toMatchObject({
      llms: new Map([["m", expect.objectContaining({ provider: "openai" })]]),
      ai: null,
      aiGatewayId: null,
      rerankServer: null,
      rerankTimeoutMs: 10_000,
    });
  });

  test.each([
    ["LLM_PROVIDER", { LLM_PROVIDER: "secret" }],
    ["AI ", { LLM_PROVIDER: "workers-ai" }],
    ["AI_GATEWAY_ID", { AI_GATEWAY_ID: "../secret" }],
    ["RERANK_FORM", { RERANK_FORM: "secret" }],
    ["RERANK_URL", { RERANK_URL: "secret" }],
    ["RERANK_URL", { RERANK_URL: "ftp://secret/rerank" }],
    ["RERANK_URL", { RERANK_URL: "https://user:secret@host/rerank" }],
    ["RERANK_TIMEOUT_MS", { RERANK_TIMEOUT_MS: "secret" }],
    ["RERANK_TIMEOUT_MS", { RERANK_TIMEOUT_MS: "99" }],
  ])("names %s where it is wrong, and not its value", (name, env) => {
    const faults = faultsOf(env);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${name}`, "u"));
    expect(faults[0]).not.toContain("secret");
  });

  test("needs no LLM_BASE_URL where Workers AI writes", () => {
    const env = { LLM_MODEL: "@cf/meta/llama" } as Bindings;
    expect(readConfig(env).ok).toBe(false);
    const config = readConfig({ ...env, AI, LLM_PROVIDER: "workers-ai" });
    expect(config.ok).toBe(true);
  });
});

describe("who writes the candidates", () => {
  test("is Workers AI where the configuration says so, through its gateway", async () => {
    const env = { LLM_MODEL: "@cf/meta/llama", LLM_PROVIDER: "workers-ai", AI_GATEWAY_ID: "g" };
    const read = readConfig({ ...env, AI } as Bindings);
    if (!read.ok) throw new Error(read.faults.join());
    const { signal } = new AbortController();
    const messages = [{ role: "user", content: "Is it?" }] as const;
    const [llm] = read.config.llms.values();
    if (llm === undefined) throw new Error("no LLM");
    const events = makeWriters(read.config).generatorOf(llm).generate({
      messages,
      n: 1,
      signal,
      deadlineMs: 1_000,
    });
    const kinds = [];
    for await (const event of events) kinds.push(event.kind);
    expect(kinds).toEqual(["failed", "usage"]);
    expect(asked[0]).toMatchObject([
      "@cf/meta/llama",
      { messages, stream: true },
      { gateway: { id: "g", collectLog: false, skipCache: true } },
    ]);
  });
});

describe("a bundle's engine", () => {
  const bge = {
    kind: "workers-ai",
    model: "@cf/baai/bge-reranker-base",
    scores: "logits",
  } as const;

  test("is there only where the deployment has it", () => {
    const none = configOf({});
    expect(remoteScorer({ kind: "http" }, none)).toBeNull();
    expect(remoteScorer(bge, none)).toBeNull();
    const all = configOf({ AI, RERANK_URL: "https://rerank.example/rerank" });
    expect(remoteScorer({ kind: "http", model: "big" }, all)).not.toBeNull();
    expect(remoteScorer(bge, all)).not.toBeNull();
  });
});
