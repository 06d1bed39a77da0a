/** The table of problems, the reader of the configuration. */
import { describe, expect, it } from "vitest";
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

describe("the configuration", () => {
  const good = { LLM_BASE_URL: "http://127.0.0.1:1/v1/", LLM_MODEL: "a, b" } as Bindings;

  it("is read with its defaults", () => {
    expect(readConfig(good)).toMatchObject({
      ok: true,
      config: {
        adapter: "mini",
        pointerIntervalMs: 30_000,
        llms: new Map([
          ["a", expect.objectContaining({ baseUrl: "http://127.0.0.1:1/v1", apiKey: null })],
          ["b", expect.objectContaining({ model: "b", price: null })],
        ]),
        plans: new Map([
          ["a", expect.objectContaining({ name: "a" })],
          ["b", expect.objectContaining({ name: "b" })],
        ]),
        currency: "USD",
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
