/**
 * The environment `workers-ai`, whole: what `wrangler deploy --env workers-ai` would upload runs in workerd with the
 * runtime's own AI binding, both as LLM and as the adapter's engine. Cloudflare's side of the binding is a server of
 * this test: it plays the recorded candidates, and scores with this project's own engine.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare, type V4ModuleDefinition } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleDir, temporaryFolder } from "../../scripts/lib/localStack.ts";
import { type RunningRerankServer, startRerankServer } from "../../scripts/rerank-server/listen.ts";
import type { Manifest } from "../../src/adapter/manifest.ts";
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { type AiCall, type AiReply, type AiService, aiService, refusal } from "../net/workersAi.ts";
import { ask, recording } from "./recordings.ts";

const RERANKER = "@cf/baai/bge-reranker-base";
const LLM = "@cf/meta/llama-3.3-70b-instruct-fp8-fast";
const recorded = recording("pubmedqa");

let folder: string;
let service: AiService;
let server: RunningRerankServer;
let worker: Miniflare;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "medadapter-workers-ai-"));
  server = await startRerankServer({ bundle: bundleDir, host: "127.0.0.1", port: 0, apiKey: null });
  service = await aiService();
  service.answer(usual);
  worker = new Miniflare(options(built(), service.url));
  await publish(await remoteManifest());
});

afterAll(async () => {
  await worker.dispose();
  service.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The modules of the light Worker, as wrangler bundles them. */
function built(): V4ModuleDefinition[] {
  // A copy: what wrangler builds first would be taken away from under another file's Worker.
  const source = temporaryFolder();
  const args = ["deploy", "src/worker/light.ts", "--dry-run", "--env", "workers-ai"];
  execFileSync("wrangler", [...args, "--outdir", folder], {
    cwd: source,
    stdio: "pipe",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "1" },
  });
  rmSync(source, { recursive: true, force: true });
  const wasm = readdirSync(folder).filter((name) => name.endsWith(".wasm"));
  return [
    { type: "ESModule", path: join(folder, "light.js") },
    ...wasm.map((name) => ({ type: "CompiledWasm" as const, path: join(folder, name) })),
  ];
}

function options(modules: V4ModuleDefinition[], remote: URL) {
  const converted = convertV4MiniflareOptions({
    name: "worker",
    modules,
    modulesRoot: folder,
    compatibilityDate: "2026-10-20",
    compatibilityFlags: ["enable_request_signal"],
    r2Buckets: ["ADAPTERS"],
    kvNamespaces: ["KEYS"],
    durableObjects: { LEDGER: { className: "LedgerObject", useSQLite: true } },
    bindings: {
      OPEN_ON_LOCALHOST: "true",
      LLM_PROVIDER: "workers-ai",
      LLM_MODEL: LLM,
      POINTER_INTERVAL_SECONDS: "0",
      AI_GATEWAY_ID: "clinic",
    },
  });
  const [only] = converted.workers;
  if (only === undefined) throw new Error("no worker");
  const env = { ...only.config.env, AI: { type: "ai" as const, dev: { remote: true } } };
  const dev = { ...only.dev, remoteProxyConnectionString: remote as never };
  return { ...converted, workers: [{ ...only, config: { ...only.config, env }, dev }] };
}

/** A bundle without files whose engine is Workers AI, its self-test what that engine gives. */
async function remoteManifest(): Promise<Manifest> {
  const shipped: Manifest = JSON.parse(readFileSync(join(bundleDir, "manifest.json"), "utf8"));
  return {
    ...shipped,
    version: "workers-ai",
    engine: { kind: "workers-ai", model: RERANKER, scores: "logits" },
    attention: "cross",
    template: { id: "medadapter-pair-1", noAnswer: "none" },
    files: [],
    selfTest: {
      tolerance: 0.01,
      vectors: [
        {
          question: "Is it so?",
          options: [],
          context: null,
          answer: null,
          text: "It is so.",
          logit: (await logits("Is it so?", ["It is so."]))[0] ?? Number.NaN,
        },
      ],
    },
  };
}

async function publish(manifest: Manifest): Promise<void> {
  const bucket = await worker.getR2Bucket("ADAPTERS");
  const { name: adapter, version } = manifest;
  await bucket.put(`adapters/${adapter}/${version}/manifest.json`, JSON.stringify(manifest));
  const updatedAt = new Date().toISOString();
  const pointer = { schema: 1, adapter, version, serial: 1, share: 1, updatedAt };
  await bucket.put(`channels/${adapter}/stable.json`, JSON.stringify(pointer));
}

async function logits(query: string, texts: readonly string[]): Promise<number[]> {
  const response = await fetch(`${server.url}/rerank`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, texts, raw_scores: true }),
  });
  const scored = (await response.json()) as { index: number; score: number }[];
  return scored.sort((a, b) => a.index - b.index).map(({ score }) => score);
}

/** Candidate after candidate, and scores by the real engine. */
async function usual(call: AiCall): Promise<AiReply> {
  if (call.model === RERANKER) {
    const { query, contexts } = call.inputs as { query: string; contexts: { text: string }[] };
    const scores = await logits(
      query,
      contexts.map(({ text }) => text),
    );
    return { json: { response: scores.map((score, id) => ({ id, score })) } };
  }
  const number = service.calls.filter(({ model }) => model === LLM).indexOf(call);
  const text = recorded.candidates[number % recorded.candidates.length]?.text ?? "";
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  const events = text.split(/(?<=\s)/u).map((response) => JSON.stringify({ response }));
  return { events: [...events, JSON.stringify({ response: "", usage }), "[DONE]"] };
}

async function call<Body>(path: string, body?: object): Promise<{ status: number; body: Body }> {
  const response = await worker.dispatchFetch(`http://localhost${path}`, {
    ...(body && { method: "POST", body: JSON.stringify(body) }),
    headers: { "content-type": "application/json" },
  });
  return { status: response.status, body: (await response.json()) as Body };
}

const answer = () => call<AnswerBody>("/v1/answer", { ...ask(recorded), k: 4, max_tokens: 300 });

describe("a Worker on Workers AI", () => {
  it("is ready, and names its engine", async () => {
    expect(await call("/readyz")).toMatchObject({
      status: 200,
      body: { status: "ready", adapter: { version: "workers-ai" }, engine: "workers-ai" },
    });
  });

  it("writes and ranks with it", async () => {
    service.answer(usual);
    const { status, body } = await answer();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      model: LLM,
      degraded: false,
      usage: {
        prompt_tokens: 40,
        completion_tokens: 20,
        candidates_generated: 4,
        candidates_scored: 4,
        adapter_tokens: 0,
      },
      timing: { prefix_ms: null },
    });
    const texts = recorded.candidates.map(({ text }) => text.trim());
    for (const one of body.candidates ?? []) expect(texts).toContain(one.text?.trim());
    const { question, context, options } = recorded;
    const labels = Object.keys(options ?? {});
    const query = [question, ...labels, context].join("\n");
    const expected = await logits(
      query,
      (body.candidates ?? []).map(({ answer, text }) => `${answer ?? "none"}\n${text?.trim()}`),
    );
    const scores = (body.candidates ?? []).map(({ score }) => score);
    scores.forEach((score, at) => {
      expect(score).toBeCloseTo(expected[at] ?? Number.NaN, 3);
    });
    const gateway = { id: "clinic", collectLog: false, skipCache: true };
    for (const { options } of service.calls) expect(options).toMatchObject({ gateway });
  });

  it("answers by vote where the reranker is out of capacity", async () => {
    service.answer((one) =>
      one.model === RERANKER ? refusal(429, 3040, "No more data centers") : usual(one),
    );
    const { status, body } = await answer();
    expect(status).toBe(200);
    expect(body).toMatchObject({ degraded: true, degraded_reason: "remote_rate_limited" });
  });

  it("says what is wrong where the LLM's day is over", async () => {
    service.answer((one) =>
      one.model === LLM ? refusal(429, 4006, "daily free allocation") : usual(one),
    );
    const { status, body } = await answer();
    expect(status).toBe(503);
    expect(body).toMatchObject({ code: "upstream_quota" });
  });
});
