/** Money for what an LLM wrote and did not report. */
import { describe, expect, it } from "vitest";
import type { GenerateEvent, GenerateFailure } from "../../../src/llm/generator.ts";
import { costOf, Spending } from "../../../src/worker/answer/spending.ts";
import { readPrice } from "../../../src/worker/ledger/money.ts";
import type { Llm } from "../../../src/worker/plans/llms.ts";

const llm: Llm = {
  ...{ name: "a", provider: "openai", baseUrl: "", model: "m", apiKey: null, tags: [] },
  ...{ maxConcurrent: null, timeoutMs: null, defaults: {} },
  price: readPrice({ in: "1", out: "2" }),
};
/** 400 bytes are 100 tokens, by estimate. */
const options = { promptBytes: 400, messages: 1, maxMicros: null, maxTokensOf: () => 1_000 };

const came = (index: number): GenerateEvent => ({
  kind: "candidate",
  candidate: { index, text: "yes", finishReason: "stop", state: "complete", cutBy: null },
});
const failed = (index: number, reason: GenerateFailure): GenerateEvent => ({
  ...{ kind: "failed", index, reason },
});
const ended = (
  mode: "n" | "parallel",
  requests: number,
  [promptTokens, completionTokens]: readonly [number, number] = [0, 0],
): GenerateEvent => ({
  ...{ kind: "usage", usage: { promptTokens, completionTokens }, requests, mode, ignored: [] },
});

/** What answers tell, and what the ledger counts, in micro-units. */
function costs(...calls: readonly (readonly GenerateEvent[])[]) {
  const spending = new Spending(options);
  for (const events of calls) {
    const call = { llm };
    for (const event of events) spending.saw(call, event);
  }
  return [costOf(spending.used), spending.used[0]?.countedMicros];
}

describe("what a call cost", () => {
  it("is by the tokens that are reported, and nothing else, where they are", () => {
    expect(costs([came(0), came(1), ended("n", 1, [10, 6])])).toEqual([22, 22]);
    expect(costs([came(0), came(1), ended("parallel", 2, [20, 6])])).toEqual([32, 32]);
  });

  it("is estimated for a server that tells no usage; answers then tell no cost", () => {
    expect(costs([came(0), came(1), ended("n", 1)])).toEqual([null, 100 + 2 * 200]);
    expect(costs([came(0), came(1), ended("parallel", 2)])).toEqual([null, 2 * 300]);
  });

  it.each(["aborted", "timeout", "cut_stream"] as const)(
    "is estimated where it broke off (%s), and only as far as it had begun",
    (reason) => {
      const all = [failed(0, reason), failed(1, reason), failed(2, reason)];
      expect(costs([...all, ended("n", 1)])).toEqual([0, 100 + 3 * 200]);
      expect(costs([...all, ended("parallel", 2)])).toEqual([0, 2 * 300]);
      expect(costs([...all, ended("n", 0)])).toEqual([0, 0]);
      // One came and was told of, one broke off, one had not begun.
      const some = [came(0), failed(1, reason), failed(2, reason)];
      expect(costs([...some, ended("parallel", 2, [10, 3])])).toEqual([16, 16 + 300]);
    },
  );

  it.each(["rate_limited", "refused_connection", "server_error", "unauthorized", "quota"] as const)(
    "is nothing where it was refused (%s)",
    (reason) => {
      expect(costs([failed(0, reason), failed(1, reason), ended("n", 3)])).toEqual([0, 0]);
    },
  );

  it("of several calls of an LLM is their sum", () => {
    const whole = [came(0), ended("n", 1, [10, 6])];
    expect(costs(whole, [failed(1, "timeout"), ended("n", 1)])).toEqual([22, 22 + 300]);
    expect(costs(whole, [came(1), ended("n", 1)])).toEqual([null, 22 + 300]);
  });
});
