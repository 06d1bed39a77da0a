/** The table of problems, the reader of the configuration, the eager reader of a source. */
import { describe, expect, it } from "vitest";
import { llmProblem } from "../../../src/worker/answer/outcome.ts";
import { arrivals } from "../../../src/worker/answer/pipeline.ts";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import { readConfig } from "../../../src/worker/configuration.ts";
import { framesOf } from "../../../src/worker/http/log.ts";
import {
  fieldProblem,
  Problem,
  problemBody,
  problemResponse,
} from "../../../src/worker/http/problems.ts";

describe("a problem's response", () => {
  it("is a problem detail (RFC 9457) and an OpenAI error at once", async () => {
    const response = problemResponse(fieldProblem("invalid_request", "k", "must be odd"), "req_1");
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toEqual({
      type: "urn:medadapter:problem:invalid_request",
      title: "invalid request",
      status: 400,
      detail: "k: must be odd",
      instance: "urn:medadapter:request:req_1",
      code: "invalid_request",
      errors: [{ field: "k", reason: "must be odd" }],
      error: {
        message: "k: must be odd",
        type: "invalid_request_error",
        code: "invalid_request",
        param: "k",
      },
    });
  });

  it("says when to come back, in whole seconds of at least one", () => {
    const retryAfter = (problem: Problem) =>
      problemResponse(problem, "req_1").headers.get("retry-after");
    expect(retryAfter(new Problem("overloaded"))).toMatch(/^\d+$/);
    expect(retryAfter(new Problem("overloaded", { retryAfterSeconds: 0.2 }))).toBe("1");
    expect(retryAfter(new Problem("upstream_rate_limited", { retryAfterSeconds: 6.1 }))).toBe("7");
    expect(retryAfter(new Problem("invalid_request"))).toBeNull();
  });

  it("takes nothing from an exception but code positions", () => {
    const frames = framesOf(new Error("kanarienvogel\n    at kanarienvogel:1:1"));
    expect(frames.length).toBeGreaterThan(0);
    expect(frames.join(" ")).not.toContain("kanarienvogel");
    expect(problemBody(new Problem("internal"), "x").detail).not.toContain("kanarienvogel");
  });
});

describe("an LLM that gave nothing", () => {
  const failed = (reason: Parameters<typeof llmProblem>[0][number]["reason"], retry?: number) => ({
    kind: "failed" as const,
    index: null,
    reason,
    ...(retry === undefined ? {} : { retryAfterSeconds: retry }),
  });

  it("is the one problem that tells most", () => {
    expect(llmProblem([failed("timeout"), failed("unauthorized")]).kind).toBe(
      "upstream_unauthorized",
    );
    expect(llmProblem([failed("not_recorded")]).status).toBe(404);
    expect(llmProblem([]).kind).toBe("upstream_empty");
  });

  it("hands on the longest wait of those asked for", () => {
    const problem = llmProblem([failed("rate_limited", 3), failed("rate_limited", 9)]);
    expect(problem.details.retryAfterSeconds).toBe(9);
  });
});

describe("the configuration", () => {
  const good = { LLM_BASE_URL: "http://127.0.0.1:1/v1/", LLM_MODEL: "a, b" } as Bindings;

  it("is read with its defaults", () => {
    expect(readConfig(good)).toMatchObject({
      ok: true,
      config: {
        adapter: "mini",
        pointerIntervalMs: 30_000,
        llmBaseUrl: "http://127.0.0.1:1/v1",
        llmApiKey: null,
        models: ["a", "b"],
        llmDeadlineMs: 120_000,
        maxK: 32,
        maxTokens: 32_768,
        notice: expect.stringMatching(/not medical advice/i),
      },
    });
  });

  it.each([
    ["LLM_BASE_URL", "file:///etc/passwd"],
    ["LLM_BASE_URL", "localhost"],
    ["LLM_MODEL", ""],
    ["LLM_DEADLINE_MS", "1"],
    ["LLM_DEADLINE_MS", "soon"],
    ["MAX_K", "0"],
    ["MAX_K", "33"],
    ["MAX_K", "2.5"],
    ["MAX_TOKENS", "32769"],
    ["MAX_TOKENS", "many"],
    ["POINTER_INTERVAL_SECONDS", "-1"],
    ["POINTER_INTERVAL_SECONDS", "Infinity"],
    ["ADAPTER", "a/b"],
  ])("%s = %s is a fault that names the variable", (name, value) => {
    const read = readConfig({ ...good, [name]: value });
    if (read.ok) throw new Error("accepted");
    expect(read.faults).toHaveLength(1);
    expect(read.faults[0]).toContain(name);
  });
});

describe("arrivals", () => {
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it("are timed when they come, however slowly they are read", async () => {
    async function* source() {
      yield 1;
      await sleep(5);
      yield 2;
    }
    const seen: number[] = [];
    let last = 0;
    const began = performance.now();
    for await (const { value, atMs } of arrivals(source())) {
      seen.push(value);
      last = atMs;
      await sleep(60);
    }
    expect(seen).toEqual([1, 2]);
    expect(last - began).toBeLessThan(50);
  });

  it("throw what the source throws, after what came before", async () => {
    async function* source() {
      yield 1;
      throw new Error("broken");
    }
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { value } of arrivals(source())) seen.push(value);
    })();
    await expect(reading).rejects.toThrow("broken");
    expect(seen).toEqual([1]);
  });
});
