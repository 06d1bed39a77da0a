/**
 * Engines that fail while they serve, over HTTP: the request under way is answered by vote, the next one is scored by an
 * engine started afresh; ONNX Runtime, which cannot be, answers by vote and says so until its isolate is replaced.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { R2Bucket } from "@cloudflare/workers-types";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  post,
  type Replay,
  root,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { openBucket, putFile, putPointer, seedAdapter } from "../../scripts/lib/seed.mjs";
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { FAULT, faultyEncoder } from "../adapter/faultyEncoder.node.ts";
import { ask, recording } from "./recordings.ts";

const manifest = JSON.parse(readFileSync(join(bundleDir, "manifest.json"), "utf8"));
const entry = "test/e2e/breakableWorker.ts";

let folder: string;
let replay: Replay;
let worker: Worker;
let bucket: R2Bucket;
let dispose: () => Promise<void>;

beforeAll(async () => {
  folder = temporaryFolder();
  const encoder = await faultyEncoder();
  writeFileSync(join(folder, "src/adapter/engines/simd/encoder.wasm"), encoder);
  mkdirSync(join(folder, "test/e2e"), { recursive: true });
  copyFileSync(join(root, entry), join(folder, entry));
  const config = readFileSync(configPath, "utf8");
  writeFileSync(
    join(folder, "wrangler.toml"),
    config.replace('main = "src/worker/index.ts"', `main = "${entry}"`),
  );
  replay = await startReplay(folder);
  const state = { persistTo: join(folder, "state"), configPath };
  await seedAdapter({ ...state, bundleDir, channel: "stable" });
  ({ bucket, dispose } = await openBucket(state));
  worker = await begin();
});

beforeEach(() => replay.reset());
afterAll(async () => {
  await dispose();
  await endStack(folder);
});

const begin = () =>
  startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay",
    LLM_DEADLINE_MS: "6000",
    POINTER_INTERVAL_SECONDS: "0",
  });

const answer = (task = "pubmedqa") =>
  post<AnswerBody & { readonly code?: string }>(`${worker.url}/v1/answer`, {
    ...ask(recording(task)),
    k: 3,
  });

async function breakIt(how: number | "heap"): Promise<void> {
  const { status } = await fetch(`${worker.url}/__break/${how}`, { method: "POST" });
  expect(status).toBe(204);
}

async function ready() {
  const response = await fetch(`${worker.url}/readyz`);
  return { status: response.status, body: await response.json() };
}

async function counted() {
  const response = await fetch(`${worker.url}/v1/usage`);
  const { data } = (await response.json()) as {
    data: { requests: number; llm_requests: number; candidates_scored: number }[];
  };
  const [row] = data;
  return [row?.requests ?? 0, row?.llm_requests ?? 0, row?.candidates_scored ?? 0] as const;
}

const byVote = {
  degraded: true,
  degraded_reason: "engine_failed",
  strategy: "vote",
  confidence: null,
  confidence_reason: "degraded",
};

describe("our own engine", () => {
  it.each([
    ["traps", FAULT.trap],
    ["gives a logit that is no number", FAULT.notFinite],
  ])("%s: that answer is by vote, the next one has scores again", async (_, fault) => {
    const good = (await answer()).body;
    expect(good.degraded).toBe(false);
    const before = await counted();
    await breakIt(fault);
    const { status, body } = await answer();
    expect(status).toBe(200);
    expect(body).toMatchObject({ ...byVote, usage: { candidates_scored: 0 } });
    expect(body.answer).toBe(body.votes[0]?.answer);
    expect(body.candidates).toHaveLength(3);
    const next = (await answer()).body;
    expect(next).toMatchObject({ degraded: false, answer: good.answer });
    expect(next.candidates?.map(({ score }) => score)).toEqual(
      good.candidates?.map(({ score }) => score),
    );
    expect(await ready()).toMatchObject({ status: 200, body: { engine: "simd", fault: null } });
    // Two requests, an LLM request each, and the scores of the second.
    const after = before.map((count, at) => count + ([2, 2, 3][at] ?? 0));
    await expect.poll(counted).toEqual(after);
  });

  it("has no memory for a second question: that one is answered by vote, the first goes on", async () => {
    await replay.fail("hang-mid", 1);
    const first = answer("pubmedqa");
    await expect.poll(async () => (await replay.stats()).choicesFinished).toBe(1);
    expect((await answer("yesno")).body).toMatchObject(byVote);
    // Started afresh beside the one that holds the first question.
    await expect.poll(ready).toMatchObject({ status: 200, body: { fault: null } });
    expect((await answer("yesno")).body).toMatchObject({ degraded: false });
    const { status, body } = await first;
    expect(status).toBe(200);
    expect(body).toMatchObject({ degraded: false, failed: [{ reason: "timeout", count: 2 }] });
    expect(body.candidates?.every(({ score }) => score !== null)).toBe(true);
  });
});

describe("ONNX Runtime", () => {
  /** Puts the bundle under another version, without what our own engine reads. */
  async function publish(version: string, simd: boolean): Promise<void> {
    const files = manifest.files.filter(({ role }: { role: string }) => simd || role !== "simd");
    const at = `adapters/mini/${version}`;
    for (const { path } of files) {
      await putFile(bucket, `${at}/${path}`, readFileSync(join(bundleDir, path)));
    }
    const bytes = Buffer.from(JSON.stringify({ ...manifest, version, files }));
    await putFile(bucket, `${at}/manifest.json`, bytes);
    await putPointer(bucket, { adapter: "mini", version, channel: "stable" });
  }

  it("traps: its isolate answers by vote and says so, until it is replaced", async () => {
    await publish("9.0.0", false);
    const fine = { status: 200, body: { engine: "ort-web", adapter: { version: "9.0.0" } } };
    expect(await ready()).toMatchObject(fine);
    expect((await answer()).body.degraded).toBe(false);
    const before = await counted();
    await breakIt("heap");
    for (let time = 0; time < 2; time += 1) {
      expect((await answer()).body).toMatchObject(byVote);
      expect(await ready()).toMatchObject({
        status: 503,
        body: {
          status: "degraded",
          reason: "engine_failed",
          adapter: null,
          fault: { reason: "engine_failed", detail: "aborted", version: "9.0.0" },
        },
      });
    }
    const rerank = await post(`${worker.url}/v1/rerank`, { query: "x?", documents: ["y"] });
    expect([rerank.status, rerank.body.code]).toEqual([503, "adapter_unavailable"]);
    await expect.poll(counted).toEqual([before[0] + 2, before[1] + 2, before[2]]);
    worker.stop();
    worker = await begin();
    expect(await ready()).toMatchObject(fine);
    expect((await answer()).body.degraded).toBe(false);
  });

  it("traps: a version that our own engine runs ends that too", async () => {
    await publish("9.1.0", false);
    expect((await ready()).body).toMatchObject({ engine: "ort-web" });
    await breakIt("heap");
    expect((await answer()).body).toMatchObject(byVote);
    expect((await ready()).status).toBe(503);
    await publish("9.2.0", true);
    expect(await ready()).toMatchObject({ status: 200, body: { engine: "simd", fault: null } });
    expect((await answer()).body.degraded).toBe(false);
  });
});
