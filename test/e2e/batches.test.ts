/** Batches through the real queue, the real engine and a real HTTP client, with a restart of the Worker in the middle. */
import { request } from "node:http";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  type Replay,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";
import { ask, recordings } from "./recordings.ts";

let folder: string;
let replay: Replay;
let worker: Worker;

const begin = () =>
  startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay",
    CONTENT_SECRET: "a content secret of 32 characters",
    // A line that the restart cuts off is free again after the deadline and a minute, the lines that local queues
    // forget with their process are sent again.
    LLM_DEADLINE_MS: "5000",
    BATCH_STALL_SECONDS: "5",
  });

beforeAll(async () => {
  folder = temporaryFolder();
  replay = await startReplay(folder, undefined, "20,2000");
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  worker = await begin();
});

afterAll(() => endStack(folder));

const client = () => new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "local", maxRetries: 2 });

async function send(lines: readonly string[], type = "application/jsonl") {
  const response = await fetch(`${worker.url}/v1/batches`, {
    method: "POST",
    headers: { "content-type": type },
    body: lines.join("\n"),
  });
  return { status: response.status, body: (await response.json()) as { id: string } };
}

interface FileLine {
  readonly custom_id: string | null;
  readonly line: number;
  readonly response: { readonly status_code: number; readonly body: Record<string, unknown> };
}

async function file(id: string): Promise<FileLine[]> {
  const text = await (await client().files.content(id)).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as FileLine);
}

async function usage() {
  const { data } = (await (await fetch(`${worker.url}/v1/usage?group_by=key`)).json()) as {
    data: { requests: number; estimated_requests: number }[];
  };
  return data[0] ?? { requests: 0, estimated_requests: 0 };
}

describe("a batch", () => {
  it("is answered line by line while the Worker is started anew, and asks nothing twice that was answered", async () => {
    const questions = [...recordings("yesno"), ...recordings("pubmedqa")].slice(0, 12);
    const good = questions.map((question, at) =>
      JSON.stringify({ custom_id: `q-${at}`, body: { ...ask(question), k: 2 } }),
    );
    const lines = [...good.slice(0, 6), "{ poisoned", ...good.slice(6), '{"question": 1}'];
    const { status, body } = await send(lines);
    expect(status).toBe(200);
    const answered = async () => {
      const { request_counts } = await client().batches.retrieve(body.id);
      return (request_counts?.completed ?? 0) + (request_counts?.failed ?? 0);
    };
    await expect.poll(answered, { timeout: 60_000, interval: 50 }).toBeGreaterThan(1);
    worker.stop();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    worker = await begin();
    const state = async () => (await client().batches.retrieve(body.id)).status;
    await expect.poll(state, { timeout: 300_000, interval: 500 }).toBe("completed");

    const batch = await client().batches.retrieve(body.id);
    expect(batch.request_counts).toEqual({ total: 14, completed: 12, failed: 2 });
    const results = await file(batch.output_file_id ?? "");
    expect(results.map(({ custom_id }) => custom_id).toSorted()).toEqual(
      good.map((_, at) => `q-${at}`).toSorted(),
    );
    for (const { response } of results) {
      expect(response.body).toMatchObject({ object: "answer", degraded: false, k: 2 });
    }
    const errors = await file(batch.error_file_id ?? "");
    expect(errors.map(({ line }) => line).toSorted((a, b) => a - b)).toEqual([7, 14]);
    // What the restart cut off, at most the two lines under way, was asked again and is counted again: it was paid for.
    const asked = (await replay.stats()).requests ?? 0;
    expect(asked).toBeLessThanOrEqual(12 + 2);
    const counted = async () => (await usage()).requests;
    await expect.poll(counted, { timeout: 90_000, interval: 500 }).toBe(asked);
  }, 400_000);

  it("whose client leaves while it comes in is gone, and its Idempotency-Key is free", async () => {
    const again = { "idempotency-key": "cut-1", "content-type": "application/jsonl" };
    const half = request(`${worker.url}/v1/batches`, { method: "POST", headers: again });
    half.on("error", () => {}); // it is cut here
    half.write('{"question": 1}\n'.repeat(150));
    const open = async () =>
      (await client().batches.list()).data.filter(({ status }) => status === "validating").length;
    await expect.poll(open, { timeout: 20_000 }).toBe(1);
    half.destroy();
    await expect.poll(open, { timeout: 20_000 }).toBe(0);
    const body = '{"question": 1}\n';
    const retry = await fetch(`${worker.url}/v1/batches`, { method: "POST", headers: again, body });
    expect(retry.status).toBe(200);
  }, 60_000);

  it("is listed and cancelled by OpenAI's client", async () => {
    const [question] = recordings("yesno");
    if (question === undefined) throw new Error("no recording");
    const line = JSON.stringify({ ...ask(question), k: 1 });
    const { body } = await send(Array.from({ length: 40 }, () => line));
    const cancelled = await client().batches.cancel(body.id);
    expect(["cancelling", "cancelled"]).toContain(cancelled.status);
    const listed = await client().batches.list({ limit: 1 });
    expect(listed.data.map(({ id }) => id)).toEqual([body.id]);
    await expect
      .poll(async () => (await client().batches.retrieve(body.id)).status)
      .toBe("cancelled");
  });

  it("of 50,000 lines is taken in, every one", async () => {
    const line = JSON.stringify({ question: "x".repeat(500), options: { A: "a", B: "b" } });
    const { status, body } = await send(Array.from({ length: 50_000 }, () => line));
    expect(status).toBe(200);
    const batch = await client().batches.cancel(body.id);
    expect(batch.request_counts?.total).toBe(50_000);
    expect((await fetch(`${worker.url}/v1/batches/${body.id}`, { method: "DELETE" })).status).toBe(
      200,
    );
  });
});
