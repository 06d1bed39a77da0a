/**
 * Every way in which an LLM fails, over real HTTP: some candidates are ranked all the same, none gives a named problem.
 * Each request is counted once, as the LLM saw it, and the one after it is whole.
 */
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
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
import { seedAdapter } from "../../scripts/lib/seed.mjs";
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { ask, recording } from "./recordings.ts";

const deadlineMs = 5000;
/** Of a call that could not be made: the first and two more. */
const TRIES = 3;
let folder: string;
let replay: Replay;
let worker: Worker;

beforeAll(async () => {
  folder = temporaryFolder();
  replay = await startReplay(folder);
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  worker = await begin(replay.url);
});

async function begin(url: string): Promise<Worker> {
  const started = await startWorker(folder, {
    LLM_BASE_URL: url,
    LLM_MODEL: "replay",
    LLM_DEADLINE_MS: String(deadlineMs),
  });
  await fetch(`${started.url}/readyz`);
  return started;
}

beforeEach(() => replay.reset());
afterAll(() => endStack(folder));

interface Reply extends AnswerBody {
  readonly code?: string;
}

const question = (k = 3) =>
  post<Reply>(`${worker.url}/v1/answer`, { ...ask(recording("pubmedqa")), k });

const COUNTS = [
  "requests",
  "llm_requests",
  "prompt_tokens",
  "completion_tokens",
  "candidates_scored",
  "estimated_requests",
] as const;
type Counted = Record<(typeof COUNTS)[number], number>;

/** What the ledger has counted so far. */
async function counted(): Promise<Counted> {
  const response = await fetch(`${worker.url}/v1/usage`);
  const [row] = ((await response.json()) as { data: Counted[] }).data;
  return Object.fromEntries(COUNTS.map((name) => [name, row?.[name] ?? 0])) as Counted;
}

/** Waits until one request more is counted, with what its answer says and so many requests to the LLM. */
async function countedOnce(
  before: Counted,
  { body }: { body: Partial<Pick<Reply, "usage">> },
  llmRequests: number,
) {
  const { prompt_tokens = 0, completion_tokens = 0, candidates_scored = 0 } = body.usage ?? {};
  const used: Partial<Counted> = { prompt_tokens, completion_tokens, candidates_scored };
  const one: Partial<Counted> = { ...used, requests: 1, llm_requests: llmRequests };
  const after = COUNTS.map((name) => [name, before[name] + (one[name] ?? 0)]);
  await expect.poll(counted).toEqual(Object.fromEntries(after));
}

/** A question that meets this fault, and what holds whatever the fault. */
async function meeting(mode: string, k = 3) {
  const before = await counted();
  await replay.fail(mode);
  const reply = await question(k);
  const { requests = 0, redirectsFollowed } = await replay.stats();
  expect(requests).toBeGreaterThan(0);
  expect(redirectsFollowed).toBe(0);
  await countedOnce(before, reply, requests);
  await replay.reset();
  const { status, body } = await question();
  expect([status, body.failed, body.candidates?.length, body.degraded]).toEqual([
    200,
    [],
    3,
    false,
  ]);
  return reply;
}

describe("no candidate at all", () => {
  it.each([
    ["401", 502, "upstream_unauthorized", null],
    ["429", 503, "upstream_rate_limited", "10"],
    ["429-retry-after", 503, "upstream_rate_limited", "7"],
    ["500", 502, "upstream_error", null],
    ["hang-before-headers", 504, "upstream_timeout", null],
    ["garbage", 502, "upstream_malformed", null],
    ["redirect", 502, "upstream_malformed", null],
    ["huge-event", 502, "upstream_too_large", null],
  ] as const)("%s: %i %s", async (mode, status, code, retryAfter) => {
    const { status: got, headers, body } = await meeting(mode);
    expect([got, body.code]).toEqual([status, code]);
    expect(headers.get("retry-after")).toBe(retryAfter);
    expect(headers.get("x-request-id")).toMatch(/^req_/);
    expect(body).toMatchObject({ error: { code, type: "api_error" } });
  });

  it.each([
    ["cut-stream", 502, "upstream_cut"],
    ["no-done", 502, "upstream_cut"],
    ["malformed-sse", 502, "upstream_malformed"],
    ["error-event", 502, "upstream_error"],
  ] as const)("%s of the only candidate: %i %s", async (mode, status, code) => {
    const { status: got, body } = await meeting(mode, 1);
    expect([got, body.code]).toEqual([status, code]);
  });

  it("an LLM that is not there: 502 upstream_unreachable, and all is well when it is back", async () => {
    const port = Number(new URL(replay.url).port);
    const before = await counted();
    replay.stop();
    const reply = await question();
    expect([reply.status, reply.body.code]).toEqual([502, "upstream_unreachable"]);
    await countedOnce(before, reply, TRIES);
    replay = await startReplay(folder, port);
    expect((await question()).status).toBe(200);
  });
});

describe("some candidates: they are ranked, the rest is reported", () => {
  it.each<[string, { reason: string; count: number }[], number?]>([
    ["hang-mid", [{ reason: "timeout", count: 2 }]],
    ["cut-stream", [{ reason: "cut_stream", count: 2 }]],
    ["no-done", [{ reason: "cut_stream", count: 2 }]],
    ["malformed-sse", [{ reason: "malformed", count: 2 }]],
    ["error-event", [{ reason: "server_error", count: 2 }]],
    ["fail-one-of-k", [{ reason: "server_error", count: 1 }], 8],
    ["fail-all-but-one", [{ reason: "server_error", count: 7 }], 8],
    ["huge-candidate", [{ reason: "too_large", count: 1 }]],
  ])("%s", async (mode, failed, k = 3) => {
    const { status, body } = await meeting(mode, k);
    expect(status).toBe(200);
    expect(body.failed).toEqual(failed);
    const lost = failed.reduce((sum, { count }) => sum + count, 0);
    expect(body.candidates).toHaveLength(k - lost);
    expect(body.candidates?.every(({ score }) => score !== null)).toBe(true);
    expect(body).toMatchObject({ degraded: false, answer: body.candidates?.[0]?.answer });
  });

  it.each([
    ["finish-length", "cut", "length"],
    ["content-filter", "cut", "content_filter"],
  ])("%s: a candidate that was cut is marked", async (mode, state, finish_reason) => {
    const { body } = await meeting(mode);
    expect(body.candidates).toHaveLength(3);
    expect(body.candidates?.find(({ index }) => index === 0)).toMatchObject({
      state,
      finish_reason,
    });
  });

  it("wrong-content-type: the form is told by the body", async () => {
    const { body } = await meeting("wrong-content-type");
    expect(body.candidates?.map(({ state }) => state)).toEqual([
      "complete",
      "complete",
      "complete",
    ]);
  });

  it("empty-text: an empty candidate is marked, not scored, and last", async () => {
    const { body } = await meeting("empty-text");
    expect(body.candidates?.at(-1)).toMatchObject({
      index: 0,
      state: "empty",
      score: null,
      rank: 3,
    });
    expect(body).toMatchObject({ degraded: false, usage: { candidates_scored: 2 } });
  });

  it.each(["sequential", "no-finish"])("%s: nothing is lost", async (mode) => {
    const { body } = await meeting(mode);
    expect(body.candidates).toHaveLength(3);
    expect(body.failed).toEqual([]);
  });

  it("a fault that passes is tried again, and both tries are counted", async () => {
    const before = await counted();
    await replay.fail("500", 1);
    const reply = await question();
    expect(reply.status).toBe(200);
    await countedOnce(before, reply, 2);
  });
});

// Last: from here on the Worker knows that this provider takes no `n`, and calls it once for each candidate.
describe("providers that do not do n", () => {
  it.each(["duplicate-indices", "ignore-n", "refuse-n"])(
    "%s: all candidates come",
    async (mode) => {
      const { status, body } = await meeting(mode);
      expect(status).toBe(200);
      expect(body.candidates).toHaveLength(3);
      expect(new Set(body.candidates?.map(({ text }) => text)).size).toBe(3);
    },
  );

  it("empty-choices: 502 upstream_empty; the prompts that the LLM bills are counted", async () => {
    const { usage } = (await question()).body;
    const before = await counted();
    await replay.reset();
    await replay.fail("empty-choices");
    const { status, body } = await question();
    expect([status, body.code]).toEqual([502, "upstream_empty"]);
    const billed = { ...usage, completion_tokens: 0, candidates_scored: 0 };
    await countedOnce(before, { body: { usage: billed } }, 3);
    await replay.reset();
    expect((await question()).status).toBe(200);
  });

  it("calls at most five at once", async () => {
    await post(`${worker.url}/v1/answer`, { ...ask(recording("pubmedqa")), k: 8 });
    const { maxInFlight, requests } = await replay.stats();
    expect(requests).toBe(8);
    expect(maxInFlight).toBeLessThanOrEqual(5);
  });
});

describe("an LLM whose name has no address", () => {
  it("502 upstream_unreachable, and the adapter is as ready as ever", async () => {
    worker.stop();
    worker = await begin("http://llm.invalid/v1");
    const before = await counted();
    const reply = await question();
    expect([reply.status, reply.body.code]).toEqual([502, "upstream_unreachable"]);
    await countedOnce(before, reply, TRIES);
    expect((await fetch(`${worker.url}/readyz`)).status).toBe(200);
  });
});
