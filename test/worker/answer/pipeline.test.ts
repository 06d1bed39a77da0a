/** Pieces of the pipeline: the reader that runs ahead, and the one problem of an LLM that gave nothing. */
import { describe, expect, it } from "vitest";
import type { Candidate } from "../../../src/llm/generator.ts";
import { Arrivals } from "../../../src/worker/answer/arrivals.ts";
import { llmProblem } from "../../../src/worker/answer/outcome.ts";

describe("an LLM that gave nothing", () => {
  const limits = { maxTokens: 64, most: 512 };
  const failed = (reason: Parameters<typeof llmProblem>[0][number]["reason"], retry?: number) => ({
    kind: "failed" as const,
    index: null,
    reason,
    ...(retry === undefined ? {} : { retryAfterSeconds: retry }),
  });

  it("is the one problem that tells most", () => {
    const kindOf = (...given: Parameters<typeof failed>[0][]) =>
      llmProblem(
        given.map((reason) => failed(reason)),
        [],
        limits,
      ).kind;
    expect(kindOf("timeout", "unauthorized")).toBe("upstream_unauthorized");
    expect(kindOf("server_error", "quota")).toBe("upstream_quota");
    expect(kindOf("not_recorded")).toBe("question_not_recorded");
    expect(kindOf()).toBe("upstream_empty");
  });

  it("that did nothing but think names the limit, and the field that raises it", () => {
    const thought: Candidate = {
      ...{ index: 0, text: "", finishReason: "length" as const },
      ...{ state: "cut" as const, cutBy: "thinking" as const },
    };
    const { kind, details } = llmProblem([], [thought, thought], limits);
    expect(kind).toBe("upstream_only_thinking");
    expect(details.fields).toEqual([
      {
        field: "max_tokens",
        reason: "64 were allowed for each candidate; this deployment allows up to 512",
      },
    ]);
  });

  it("names the parameter that it refuses", () => {
    const refused = { ...failed("bad_request"), parameter: "stop" };
    const { details } = llmProblem([refused, refused], [], limits);
    expect(details.fields).toEqual([{ field: "stop", reason: "the LLM refuses it" }]);
  });

  it("hands on the longest wait of those asked for", () => {
    for (const reason of ["rate_limited", "quota"] as const) {
      const problem = llmProblem([failed(reason, 3), failed(reason, 9)], [], limits);
      expect(problem.details.retryAfterSeconds).toBe(9);
    }
  });
});

describe("arrivals", () => {
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  /** All arrivals of these sources, in the order in which they are given to the consumer. */
  async function* read(...sources: AsyncIterable<number>[]) {
    const arrivals = new Arrivals<number>();
    for (const source of sources) void arrivals.add(source);
    for (let next = await arrivals.next(); next !== null; next = await arrivals.next()) yield next;
  }

  it("of several sources come in the order of their times", async () => {
    async function* slow() {
      await sleep(20);
      yield 2;
      await sleep(40);
      yield 4;
    }
    async function* quick() {
      yield 1;
      await sleep(40);
      yield 3;
    }
    const seen: number[] = [];
    for await (const { value } of read(slow(), quick())) seen.push(value);
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it("of a source that is added while another is read come too", async () => {
    async function* source(value: number) {
      await sleep(1);
      yield value;
    }
    const arrivals = new Arrivals<number>();
    void arrivals.add(source(1));
    expect((await arrivals.next())?.value).toBe(1);
    void arrivals.add(source(2));
    expect((await arrivals.next())?.value).toBe(2);
    expect(await arrivals.next()).toBeNull();
  });

  it("are timed when they come, however slowly they are read", async () => {
    async function* source() {
      yield 1;
      await sleep(5);
      yield 2;
    }
    const seen: number[] = [];
    let last = 0;
    const began = performance.now();
    for await (const { value, atMs } of read(source())) {
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
      for await (const { value } of read(source())) seen.push(value);
    })();
    await expect(reading).rejects.toThrow("broken");
    expect(seen).toEqual([1]);
  });
});
