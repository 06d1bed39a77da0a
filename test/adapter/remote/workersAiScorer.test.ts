/** Scores of Workers AI's reranker through the runtime's own binding: documented answers and documented errors. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RemoteFailure, RemoteScores } from "../../../src/adapter/remote/textScorer.ts";
import type { Result } from "../../../src/adapter/result.ts";
import { type AiReply, refusal, type WorkersAi, workersAi } from "../../net/workersAi.ts";

let ai: WorkersAi;
beforeAll(async () => {
  ai = await workersAi();
});
afterAll(() => ai.close());

const texts = ["a cyberpunk lizard", "a cyberpunk cat"];
const response = [
  { id: 1, score: 0.75 },
  { id: 0, score: 0.5 },
];

function score(scale: "logits" | "probabilities", changes: object = {}) {
  const task = { do: "score", query: "Which one?", texts, scale, timeoutMs: 3_000 } as const;
  return ai.run<Result<RemoteScores, RemoteFailure>>({
    ...task,
    gateway: null,
    leaveAfterMs: null,
    ...changes,
  });
}

describe("a reranker of Workers AI", () => {
  test("gets query and contexts, and all of their scores back in order", async () => {
    ai.answer(() => ({ json: { response } }));
    expect(await score("logits")).toEqual({ ok: true, value: { logits: [0.5, 0.75], tokens: 0 } });
    expect(ai.calls).toEqual([
      {
        model: "@cf/baai/bge-reranker-base",
        inputs: { query: "Which one?", contexts: texts.map((text) => ({ text })), top_k: 2 },
        options: expect.not.objectContaining({ gateway: expect.anything() }),
      },
    ]);
  });

  test("whose scores are probabilities gives logits all the same", async () => {
    ai.answer(() => ({ json: { response } }));
    const scores = await score("probabilities");
    if (!scores.ok) throw new Error(scores.failure.kind);
    expect(scores.value.logits[0]).toBeCloseTo(0, 9);
    expect(scores.value.logits[1]).toBeCloseTo(Math.log(3), 9);
  });

  test("goes through the gateway without its log and its cache", async () => {
    ai.answer(() => ({ json: { response } }));
    await score("logits", { gateway: "clinic" });
    const gateway = { id: "clinic", collectLog: false, skipCache: true };
    expect(ai.calls[0]?.options).toMatchObject({ gateway });
  });

  test.each<[string, AiReply, string, number]>([
    ["3040", refusal(429, 3040, "No more data centers"), "remote_rate_limited", 3],
    ["3036", refusal(429, 3036, "daily free allocation"), "remote_rate_limited", 1],
    ["4006", refusal(429, 4006, "daily free allocation"), "remote_rate_limited", 1],
    ["5007", refusal(400, 5007, "No such model"), "remote_refused", 1],
    ["5016", refusal(403, 5016, "terms"), "remote_unauthorized", 1],
    ["3006", refusal(413, 3006, "too large"), "remote_refused", 1],
    ["3007", refusal(408, 3007, "timeout"), "remote_timeout", 1],
    ["a fault of theirs", { status: 500, json: "oops" }, "remote_server_error", 3],
    ["no list", { json: { response: null } }, "remote_malformed", 1],
    ["a score too few", { json: { response: response.slice(1) } }, "remote_malformed", 1],
    [
      "no number",
      { json: { response: [response[0], { id: 0, score: null }] } },
      "remote_not_finite",
      1,
    ],
  ])("%s is named, and tried again where that may help", async (_, reply, kind, tries) => {
    ai.answer(() => reply);
    expect(await score("logits")).toEqual({ ok: false, failure: { kind } });
    expect(ai.calls).toHaveLength(tries);
  });

  test("a score that is no probability is refused where probabilities are meant", async () => {
    ai.answer(() => ({ json: { response: [response[0], { id: 0, score: -4.2 }] } }));
    const failure = { kind: "remote_malformed" };
    expect(await score("probabilities")).toEqual({ ok: false, failure });
  });

  test.each<[string, AiReply]>([
    ["does not answer", "hang"],
    ["stops in the middle of its answer", { events: ["{"], end: "hang" }],
  ])("that %s is timed out, and left when the caller leaves", async (_, reply) => {
    ai.answer(() => reply);
    const late = { ok: false, failure: { kind: "remote_timeout" } };
    expect(await score("logits", { timeoutMs: 300 })).toEqual(late);
    const began = Date.now();
    expect((await score("logits", { leaveAfterMs: 100 })).ok).toBe(false);
    expect(Date.now() - began).toBeLessThan(2_000);
  });
});
