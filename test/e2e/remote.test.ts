/**
 * An adapter too large for an isolate: the Worker sends texts to a /rerank server that runs this project's own engine
 * in Node. The same scores in each of the three forms, and an answer by vote whatever the server does.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { R2Bucket } from "@cloudflare/workers-types";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  post,
  type Replay,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { openBucket, putBundle, putPointer } from "../../scripts/lib/seed.mjs";
import { type RunningRerankServer, startRerankServer } from "../../scripts/rerank-server/listen.ts";
import { writeRemoteBundle } from "../../scripts/rerank-server/remoteBundle.ts";
import type { RerankForm } from "../../src/adapter/remote/httpScorer.ts";
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { type Fault, type FaultyServer, faultyServer } from "../adapter/remote/faultyServer.ts";
import { ask, recording } from "./recordings.ts";

const KEY = "a-key-that-no-log-may-hold";

let folder: string;
let replay: Replay;
let server: RunningRerankServer;
let front: FaultyServer;
let bucket: R2Bucket;
let dispose: () => Promise<void>;
let worker: Worker;

beforeAll(async () => {
  folder = temporaryFolder();
  replay = await startReplay(folder);
  server = await startRerankServer({ bundle: bundleDir, host: "127.0.0.1", port: 0, apiKey: KEY });
  front = await faultyServer(server.url);
  ({ bucket, dispose } = await openBucket({ persistTo: join(folder, "state"), configPath }));
  await putBundle(bucket, bundleDir);
  for (const version of ["remote-1", "remote-2"]) {
    const target = join(folder, version);
    writeRemoteBundle(bundleDir, target, version);
    await putBundle(bucket, target);
  }
  worker = await start({ RERANK_URL: `${front.url}/rerank`, RERANK_TIMEOUT_MS: "4000" });
});

afterEach(() => front.fail(null));

afterAll(async () => {
  await dispose();
  await front.close();
  await server.close();
  await endStack(folder);
});

function start(vars: Readonly<Record<string, string>>): Promise<Worker> {
  return startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay",
    POINTER_INTERVAL_SECONDS: "0",
    RERANK_API_KEY: KEY,
    ...vars,
  });
}

const point = (version: string) =>
  putPointer(bucket, { adapter: "mini", version, channel: "stable" });

async function ready(from = worker) {
  const response = await fetch(`${from.url}/readyz`);
  return { status: response.status, body: await response.json() };
}

/** Becomes true when the version serves. */
async function serves(version: string, engine: string, from = worker): Promise<void> {
  await point(version);
  await expect
    .poll(async () => (await ready(from)).body, { timeout: 30_000 })
    .toMatchObject({ status: "ready", adapter: { version }, engine, fault: null });
}

const answer = (task = "pubmedqa", from = worker) =>
  post<AnswerBody>(`${from.url}/v1/answer`, { ...ask(recording(task)), k: 6 });

/** Scores by candidate. */
function scores({ candidates = [] }: AnswerBody): Map<number, number> {
  return new Map(candidates.map(({ index, score }) => [index, score ?? Number.NaN]));
}

const shipped = () =>
  JSON.parse(readFileSync(join(bundleDir, "manifest.json"), "utf8")).version as string;

describe("an adapter whose engine is a /rerank server", () => {
  const tasks = ["pubmedqa", "medqa", "yesno"];
  const own = new Map<string, AnswerBody>();

  it("is compared with the same adapter inside the Worker", async () => {
    await serves(shipped(), "simd");
    for (const task of tasks) own.set(task, (await answer(task)).body);
    expect([...own.values()].every(({ degraded }) => !degraded)).toBe(true);
  });

  it.each<[RerankForm, string]>([
    ["tei", "/rerank"],
    ["vllm", "/v1/rerank"],
    ["cohere", "/v2/rerank"],
  ])("gives the same scores and answers in the form %s", async (form, path) => {
    const there = await start({ RERANK_URL: `${front.url}${path}`, RERANK_FORM: form });
    await serves("remote-1", "http", there);
    for (const task of tasks) {
      const { status, body } = await answer(task, there);
      expect(status).toBe(200);
      const here = own.get(task);
      if (here === undefined) throw new Error("not asked before");
      expect(body).toMatchObject({ degraded: false, adapter: { version: "remote-1" } });
      expect(body.answer).toBe(here.answer);
      expect(body.usage.candidates_scored).toBe(here.usage.candidates_scored);
      expect(body.usage.adapter_tokens).toBeGreaterThan(100);
      const [expected, got] = [scores(here), scores(body)];
      expect(got.size).toBe(6);
      for (const [index, score] of got) {
        expect(Math.abs(score - (expected.get(index) ?? Number.NaN))).toBeLessThan(1e-3);
      }
    }
    expect(front.asked.at(-1)?.path).toBe(path);
    there.stop();
  });

  it("takes no URL from a caller", async () => {
    await serves("remote-1", "http");
    front.asked.length = 0;
    const url = "http://127.0.0.1:9/rerank";
    for (const extra of [{ rerank_url: url }, { engine: { kind: "http", url } }]) {
      const body = { ...ask(recording("yesno")), k: 2, ...extra };
      expect((await post(`${worker.url}/v1/answer`, body)).status).toBe(400);
    }
    expect(front.asked).toHaveLength(0);
  });

  it("scores what somebody else wrote, many texts in few calls", async () => {
    const { question, options, context, candidates } = recording("pubmedqa");
    const texts = Array.from({ length: 40 }, (_, at) => `${candidates[at % 6]?.text} (${at})`);
    front.asked.length = 0;
    const { status, body } = await post<{ index: number; score: number }[]>(
      `${worker.url}/v1/rerank`,
      { query: question, options, context, texts, raw_scores: true },
    );
    expect(status).toBe(200);
    expect(body).toHaveLength(40);
    expect(new Set(body.map(({ index }) => index)).size).toBe(40);
    expect(front.asked.length).toBeLessThanOrEqual(3);
  });
});

describe("a server at fault", () => {
  it.each<[Fault, string]>([
    ["500", "remote_server_error"],
    ["429-long", "remote_rate_limited"],
    ["401", "remote_unauthorized"],
    ["hang", "remote_timeout"],
    ["hang-in-body", "remote_timeout"],
    ["cut", "remote_cut"],
    ["wrong-count", "remote_malformed"],
    ["not-a-number", "remote_malformed"],
    ["null-score", "remote_not_finite"],
    ["20-megabytes", "remote_too_large"],
    ["redirect", "remote_redirected"],
    ["html", "remote_malformed"],
  ])("%s: the majority answers, and says %s; then all is well again", async (fault, reason) => {
    front.fail(fault);
    const { status, body } = await answer();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      degraded: true,
      degraded_reason: reason,
      strategy: "vote",
      confidence: null,
      confidence_reason: "degraded",
    });
    expect(body.answer).toBe(body.votes[0]?.answer);
    const rerank = await post(`${worker.url}/v1/rerank`, { query: "x?", documents: ["y"] });
    expect(rerank).toMatchObject({ status: 503, body: { code: "adapter_unavailable" } });
    front.fail(null);
    expect((await answer()).body).toMatchObject({ degraded: false });
    expect(front.asked.some(({ path }) => path === "/elsewhere")).toBe(false);
  });

  it("that is gone: by vote; a version that cannot prove itself is not taken, and is tried again", async () => {
    const { port } = front;
    await front.close();
    expect((await answer()).body).toMatchObject({
      degraded: true,
      degraded_reason: "remote_unreachable",
    });
    await point("remote-2");
    expect(await ready()).toMatchObject({
      status: 200,
      body: { adapter: { version: "remote-1" }, fault: { reason: "remote_unreachable" } },
    });
    // The pointer stays as it is: only the server comes back.
    front = await faultyServer(server.url, port);
    await expect
      .poll(async () => (await ready()).body, { timeout: 20_000 })
      .toMatchObject({ adapter: { version: "remote-2" }, fault: null });
    expect((await answer()).body).toMatchObject({ degraded: false });
  });

  it("that was never configured: no adapter, by that name", async () => {
    const bare = await start({});
    expect(await ready(bare)).toMatchObject({
      status: 503,
      body: { status: "degraded", fault: { reason: "remote_unconfigured", version: "remote-2" } },
    });
    expect((await answer("yesno", bare)).body).toMatchObject({
      degraded: true,
      degraded_reason: "remote_unconfigured",
    });
    bare.stop();
  });

  it("leaves no text, no key and no address in the log", () => {
    const log = readFileSync(worker.log, "utf8");
    expect(log).toContain('"degraded":true');
    const { question, context, candidates } = recording("pubmedqa");
    for (const text of [question, context ?? "", ...candidates.map((one) => one.text)]) {
      expect(log).not.toContain(text.slice(0, 40));
    }
    const lines = log.split("\n").filter((line) => line.startsWith("{"));
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.join("\n")).not.toContain(KEY);
    expect(lines.join("\n")).not.toContain(String(front.port));
  });
});
