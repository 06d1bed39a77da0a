/** What is done when a question ends, whichever way: its places given back, settled, counted for its channel, logged. */
import { describe, expect, it } from "vitest";
import {
  type Logit,
  probabilityOf,
  type RankedQuestion,
  type Score,
} from "../../../src/adapter/ranker.ts";
import { ok } from "../../../src/adapter/result.ts";
import type { GenerateEvent, Generator } from "../../../src/llm/generator.ts";
import type { RankerSource } from "../../../src/worker/adapters/source.ts";
import { outcomeOf } from "../../../src/worker/answer/run.ts";
import type { OpenSpan, SpanName } from "../../../src/worker/http/metrics.ts";
import type { Idempotency } from "../../../src/worker/ledger/idempotency.ts";
import { sampleManifest } from "../../adapter/sampleManifest.ts";
import { ask, type RunningOptions, rankerThat, running } from "./running.ts";

const usage: GenerateEvent = {
  kind: "usage",
  usage: { promptTokens: 11, completionTokens: 6 },
  requests: 1,
  mode: "n",
  ignored: [],
};
const candidate = (index: number): GenerateEvent => ({
  kind: "candidate",
  candidate: {
    ...{ index, text: `Answer: yes (${index})` },
    ...{ finishReason: "stop", state: "complete", cutBy: null },
  },
});
const fixed = { ...ask, k: 2, adaptive: null };

const two: Generator["generate"] = async function* () {
  yield* [candidate(0), candidate(1), usage];
};

/** Writes one candidate, then hangs until it is stopped; what it has cost it tells after that. */
const endless: Generator["generate"] = async function* ({ signal }) {
  yield candidate(0);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
  yield { kind: "failed", index: 1, reason: "aborted" };
  yield usage;
};

/** A question on its way with an adapter that is loaded, and how often its place was given back. */
function loaded(options: Omit<RunningOptions, "adapters">) {
  let closed = 0;
  const session: RankedQuestion = {
    prefixTokens: 5,
    remote: false,
    truncated: false,
    ready: Promise.resolve(ok(undefined)),
    score: async () => {
      const logit = 1 as Logit;
      const score: Score = {
        logit,
        probability: probabilityOf(1, null),
        truncated: false,
        tokens: 2,
      };
      return ok(score);
    },
    close: () => {
      closed += 1;
    },
  };
  const served = { ranker: rankerThat(ok(session)), servedBy: "canary" } as const;
  const adapters: RankerSource = {
    refresh: () => Promise.resolve(),
    ready: () => served,
    current: () => served,
    fault: () => null,
  };
  return { ...running({ ask: fixed, ...options, adapters }), closed: () => closed };
}

const { name, version } = sampleManifest;
const spent = { promptTokens: 11, completionTokens: 6, llmRequests: 1 };

describe("a question that is answered", () => {
  it("is settled by what it used, counted for its channel, and its figures are logged", async () => {
    const run = loaded({ generate: two });
    const outcome = await outcomeOf(run.events);
    expect(outcome).toMatchObject({ selection: { answer: "yes" }, stored: null });
    expect(await run.meter.settled).toBe("succeeded");
    const { promptTokens, completionTokens } = spent;
    const tokens = { promptTokens, cachedTokens: 0, completionTokens };
    const llms = [{ llm: "any", ...tokens, requests: 1, costMicros: null }];
    const scored = { adapter: `${name}@${version}`, candidates: 2, adapterTokens: 9 };
    expect(run.counted).toEqual([{ ...spent, requests: 1, ...scored, llms }]);
    expect(run.answered).toEqual([{ requestId: "req_1", servedBy: "canary", version }]);
    expect(run.figures).toMatchObject({ k: 2, candidates: 2, scored: 2, promptTokens: 11 });
    expect(run.closed()).toBe(1);
  });

  it("is kept before its final event goes out, where that is asked for, and not otherwise", async () => {
    let kept = 0;
    const keepOutcome = async () => {
      kept += 1;
      return true;
    };
    const stored = loaded({ generate: two, ask: { ...fixed, store: true }, keepOutcome });
    expect(await outcomeOf(stored.events)).toMatchObject({ stored: true });
    expect(kept).toBe(1);
    const plain = loaded({ generate: two, keepOutcome });
    expect(await outcomeOf(plain.events)).toMatchObject({ stored: null });
    expect(kept).toBe(1);
  });

  it("has a span for the LLM, with the number of its events", async () => {
    const ended: [SpanName, object][] = [];
    const startSpan = (span: SpanName): OpenSpan => ({
      end: (figures = {}) => ended.push([span, figures]),
    });
    await outcomeOf(loaded({ generate: two, startSpan }).events);
    expect(ended).toContainEqual(["generate", { events: 3 }]);
    const left = loaded({ generate: endless, startSpan });
    for await (const { kind } of left.events) if (kind === "candidate") break;
    await left.meter.settled;
    expect(ended.at(-1)).toEqual(["generate", { events: 3 }]);
  });
});

describe("a question that nobody waits for any more", () => {
  it("is settled when the LLM's call has ended, with what that tells at its end", async () => {
    const run = loaded({ generate: endless });
    for await (const { kind } of run.events) if (kind === "candidate") break;
    expect(run.closed()).toBe(1);
    expect(run.counted).toEqual([]);
    expect(await run.meter.settled).toBe("failed");
    expect(run.counted).toMatchObject([{ ...spent, requests: 1, candidates: 1 }]);
    expect(run.answered).toEqual([]);
    expect(run.figures).toEqual({});
  });
});

describe("a question that the ledger does not let through", () => {
  const unasked: Generator["generate"] = () => {
    throw new Error("the LLM was asked");
  };

  it("gives its place back, and nothing is asked, counted or logged", async () => {
    const limit = { limit: 1, remaining: 0, resetMs: 1_000 };
    const run = loaded({ generate: unasked, reserved: { kind: "quota_exceeded", limit } });
    await expect(run.events.next()).rejects.toMatchObject({ kind: "insufficient_quota" });
    expect(await run.meter.settled).toBe("nothing");
    expect([run.closed(), run.counted, run.answered, run.figures]).toEqual([1, [], [], {}]);
  });

  it("because an earlier one has the answer: that is returned, and nothing else happens", async () => {
    const response = new Response("first");
    const idempotency = { wish: {}, replay: async () => response } as unknown as Idempotency;
    const answer = { status: 200, contentType: "text/plain", sealed: new Uint8Array() };
    const reserved = { kind: "replay", answer } as const;
    const run = loaded({ generate: unasked, reserved, idempotency });
    expect(await outcomeOf(run.events)).toBe(response);
    expect(await run.meter.settled).toBe("nothing");
    expect([run.closed(), run.counted, run.answered, run.figures]).toEqual([1, [], [], {}]);
  });
});
