/** Every way in which an LLM fails, over real HTTP: some candidates are ranked all the same, none gives a named problem. */
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
import type { AnswerBody } from "../../src/worker/schemas/answer.ts";
import { ask, recording } from "./recordings.ts";

const deadlineMs = 5000;
let folder: string;
let replay: Replay;
let worker: Worker;

beforeAll(async () => {
  folder = temporaryFolder();
  replay = await startReplay(folder);
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  worker = await startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay",
    LLM_DEADLINE_MS: String(deadlineMs),
  });
  await fetch(`${worker.url}/readyz`);
});

beforeEach(() => replay.reset());
afterAll(() => endStack(folder));

interface Reply extends AnswerBody {
  readonly code?: string;
}

const question = () =>
  post<Reply>(`${worker.url}/v1/answer`, { ...ask(recording("pubmedqa")), k: 3 });

describe("no candidate at all", () => {
  it.each([
    ["401", 502, "upstream_unauthorized", null],
    ["429", 503, "upstream_rate_limited", "10"],
    ["429-retry-after", 503, "upstream_rate_limited", "7"],
    ["500", 502, "upstream_error", null],
    ["hang-before-headers", 504, "upstream_timeout", null],
    ["garbage", 502, "upstream_malformed", null],
    ["wrong-content-type", 502, "upstream_malformed", null],
    ["redirect", 502, "upstream_malformed", null],
    ["huge-event", 502, "upstream_too_large", null],
  ] as const)("%s: %i %s", async (mode, status, code, retryAfter) => {
    await replay.fail(mode);
    const { status: got, headers, body } = await question();
    expect([got, body.code]).toEqual([status, code]);
    expect(headers.get("retry-after")).toBe(retryAfter);
    expect(headers.get("x-request-id")).toMatch(/^req_/);
    expect(body).toMatchObject({ error: { code, type: "api_error" } });
    expect((await replay.stats()).redirectsFollowed).toBe(0);
  });

  it("an LLM that is not there: 502 upstream_unreachable, and all is well when it is back", async () => {
    const port = Number(new URL(replay.url).port);
    replay.stop();
    const { status, body } = await question();
    expect([status, body.code]).toEqual([502, "upstream_unreachable"]);
    replay = await startReplay(folder, port);
    expect((await question()).status).toBe(200);
  });
});

describe("some candidates: they are ranked, the rest is reported", () => {
  it.each([
    ["hang-mid", [{ reason: "timeout", count: 2 }]],
    ["cut-stream", [{ reason: "cut_stream", count: 2 }]],
    ["no-done", [{ reason: "cut_stream", count: 2 }]],
    ["malformed-sse", [{ reason: "malformed", count: 2 }]],
    ["error-event", [{ reason: "server_error", count: 2 }]],
    ["fail-one-of-k", [{ reason: "server_error", count: 1 }]],
    ["fail-all-but-one", [{ reason: "server_error", count: 2 }]],
    ["huge-candidate", [{ reason: "too_large", count: 1 }]],
  ])("%s", async (mode, failed) => {
    await replay.fail(mode);
    const { status, body } = await question();
    expect(status).toBe(200);
    expect(body.failed).toEqual(failed);
    const lost = failed.reduce((sum, { count }) => sum + count, 0);
    expect(body.candidates).toHaveLength(3 - lost);
    expect(body.candidates?.every(({ score }) => score !== null)).toBe(true);
    expect(body).toMatchObject({ degraded: false, answer: body.candidates?.[0]?.answer });
  });

  it.each([
    ["finish-length", "cut", "length"],
    ["content-filter", "cut", "content_filter"],
  ])("%s: a candidate that was cut is marked", async (mode, state, finish_reason) => {
    await replay.fail(mode);
    const { body } = await question();
    expect(body.candidates).toHaveLength(3);
    expect(body.candidates?.find(({ index }) => index === 0)).toMatchObject({
      state,
      finish_reason,
    });
  });

  it("empty-text: an empty candidate is marked, not scored, and last", async () => {
    await replay.fail("empty-text");
    const { body } = await question();
    expect(body.candidates?.at(-1)).toMatchObject({
      index: 0,
      state: "empty",
      score: null,
      rank: 3,
    });
    expect(body).toMatchObject({ degraded: false, usage: { candidates_scored: 2 } });
  });

  it.each(["sequential", "no-finish"])("%s: nothing is lost", async (mode) => {
    await replay.fail(mode);
    const { body } = await question();
    expect(body.candidates).toHaveLength(3);
    expect(body.failed).toEqual([]);
  });

  it("a fault that passes is tried again", async () => {
    await replay.fail("500", 1);
    expect((await question()).status).toBe(200);
  });
});

// Last: from here on the Worker knows that this provider takes no `n`, and calls it once for each candidate.
describe("providers that do not do n", () => {
  it.each(["duplicate-indices", "ignore-n", "refuse-n"])(
    "%s: all candidates come",
    async (mode) => {
      await replay.fail(mode);
      const { status, body } = await question();
      expect(status).toBe(200);
      expect(body.candidates).toHaveLength(3);
      expect(new Set(body.candidates?.map(({ text }) => text)).size).toBe(3);
    },
  );

  it("empty-choices: 502 upstream_empty", async () => {
    await replay.fail("empty-choices");
    const { status, body } = await question();
    expect([status, body.code]).toEqual([502, "upstream_empty"]);
  });

  it("calls at most five at once", async () => {
    await post(`${worker.url}/v1/answer`, { ...ask(recording("pubmedqa")), k: 8 });
    const { maxInFlight, requests } = await replay.stats();
    expect(requests).toBe(8);
    expect(maxInFlight).toBeLessThanOrEqual(5);
  });
});
