/** Pieces of the pipeline: the reader that runs ahead, and the one problem of an LLM that gave nothing. */
import { describe, expect, it } from "vitest";
import { llmProblem } from "../../../src/worker/answer/outcome.ts";
import { Arrivals } from "../../../src/worker/answer/waves.ts";

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
    for await (const { value, atMs } of new Arrivals(source())) {
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
      for await (const { value } of new Arrivals(source())) seen.push(value);
    })();
    await expect(reading).rejects.toThrow("broken");
    expect(seen).toEqual([1]);
  });
});
