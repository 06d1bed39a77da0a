/** The /rerank server for other clients than the Worker: its forms, its key, its refusals, its command. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/localStack.ts";
import { type RunningRerankServer, startRerankServer } from "../../scripts/rerank-server/listen.ts";
import { parseManifest } from "../../src/adapter/manifest.ts";
import { sigmoid } from "../../src/adapter/ranker.ts";
import { bundlePath } from "../adapter/paths.node.ts";

const folder = mkdtempSync(join(tmpdir(), "medadapter-rerank-"));
let server: RunningRerankServer;

beforeAll(async () => {
  server = await startRerankServer({ bundle: bundlePath, host: "127.0.0.1", port: 0, apiKey: "k" });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function post(path: string, body: unknown, key = "k") {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const query = "Deficiency of which vitamin causes Wernicke encephalopathy?";
const texts = ["Cobalamin (B12).", "Thiamine (B1), which is needed to use glucose."];

describe("the /rerank server", () => {
  test("tells who it is, to anyone", async () => {
    const health = await fetch(`${server.url}/health`);
    expect(await health.json()).toEqual({ status: "ok", model: server.model });
    expect(server.engine).toBe("simd");
  });

  test("ranks best first, the same in all forms, documents as strings or objects", async () => {
    const raw = await post("/rerank", { query, texts, raw_scores: true });
    const [best, worst] = raw.body as { index: number; score: number }[];
    if (best === undefined || worst === undefined) throw new Error("no scores");
    expect(best.score).toBeGreaterThan(worst.score);
    const plain = await post("/rerank", { query, texts });
    expect(plain.body).toEqual(
      [best, worst].map(({ index, score }) => ({ index, score: sigmoid(score) })),
    );
    const results = [best, worst].map(({ index, score }) => ({
      index,
      relevance_score: sigmoid(score),
    }));
    const tokens = Number(raw.headers.get("x-compute-tokens"));
    expect(tokens).toBeGreaterThan(20);
    const documents = texts.map((text) => ({ text }));
    expect((await post("/v2/rerank", { query, documents })).body).toMatchObject({
      results,
      meta: { tokens: { input_tokens: tokens } },
    });
    for (const path of ["/rerank", "/v1/rerank"]) {
      const body = { model: "any", query, documents: texts, top_n: 1 };
      const usage = { total_tokens: tokens };
      expect((await post(path, body)).body).toMatchObject({ results: results.slice(0, 1), usage });
    }
  });

  test("asks for its key", async () => {
    for (const key of ["", "x", "kk"]) {
      expect((await post("/rerank", { query, texts }, key)).status).toBe(401);
    }
  });

  test.each<[string, unknown, number]>([
    ["no JSON", "{", 422],
    ["no texts", { query, texts: [] }, 422],
    ["texts that are none", { query, documents: [1] }, 422],
    ["no query", { documents: texts }, 422],
    ["too many texts", { query, texts: Array.from({ length: 257 }, () => "x") }, 422],
    ["a query beyond the budget", { query: "why then ".repeat(300), texts }, 413],
    ["a body beyond all bounds", { query, texts: ["x".repeat(9 * 2 ** 20)] }, 413],
  ])("refuses %s, and repeats nothing of it", async (_, body, status) => {
    const refused = await post("/rerank", body);
    expect(refused.status).toBe(status);
    expect(JSON.stringify(refused.body)).not.toMatch(/Wernicke|why then|xx/u);
  });

  test("answers many at once as it answers each alone", async () => {
    const ask = (at: number) =>
      post("/rerank", { query: `${query} (${at})`, texts, raw_scores: true });
    const alone = [];
    for (let at = 0; at < 20; at += 1) alone.push((await ask(at)).body);
    const together = await Promise.all(alone.map((_, at) => ask(at)));
    expect(together.map(({ body }) => body)).toEqual(alone);
  });
});

describe("its command", () => {
  const run = (...args: string[]) => {
    const script = ["--disable-warning=ExperimentalWarning", "scripts/rerank-server/main.ts"];
    const { RERANK_API_KEY: _, ...env } = process.env;
    return promisify(execFile)(process.execPath, [...script, ...args], { cwd: root, env });
  };

  test("writes the bundle that makes a Worker ask it", async () => {
    const target = join(folder, "remote");
    await run("--bundle", bundlePath, "--write-remote-bundle", target, "--version", "7");
    expect(readdirSync(target).sort()).toEqual(["README.md", "manifest.json"]);
    const manifest = parseManifest(readFileSync(join(target, "manifest.json")));
    expect(manifest).toMatchObject({ ok: true, value: { version: "7", engine: { kind: "http" } } });
  });

  test.each([
    ["a wider address without a key", ["--host", "0.0.0.0"], /RERANK_API_KEY/u],
    ["a port that is none", ["--port", "70000"], /--port/u],
    ["a folder that is no bundle", ["--bundle", "docs"], /manifest_missing/u],
    ["a remote bundle without a version", ["--write-remote-bundle", "x"], /--version/u],
  ])("refuses %s", async (_, args, message) => {
    await expect(run(...args)).rejects.toMatchObject({ code: 1, stderr: message });
  });
});
