/** Candidates of Workers AI through the runtime's own binding: both of its streams, and every way to fail. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GenerateEvent } from "../../src/llm/generator.ts";
import { type AiReply, refusal, type WorkersAi, workersAi } from "../net/workersAi.ts";

let ai: WorkersAi;
beforeAll(async () => {
  ai = await workersAi();
});
afterAll(() => ai.close());

const messages = [{ role: "user", content: "Is it?" }] as const;

/** A stream of most models: words, then the count, then the end. */
function words(text: string, completion = 5): AiReply {
  const parts = text.split(/(?<= )/u).map((part) => JSON.stringify({ response: part, p: "ab" }));
  const usage = { prompt_tokens: 7, completion_tokens: completion, total_tokens: 7 + completion };
  return { events: [...parts, JSON.stringify({ response: "", usage }), "[DONE]"] };
}

/** A chunk of newer models. */
function chunk(content: string, finish: string | null, usage?: object): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: finish }];
  return JSON.stringify({ object: "chat.completion.chunk", choices, ...(usage ? { usage } : {}) });
}

async function generate(n: number, request: object = {}, changes: object = {}) {
  const events = await ai.run<GenerateEvent[]>({
    do: "generate",
    request: { messages, n, deadlineMs: 5_000, ...request },
    gateway: null,
    leaveAfterMs: null,
    ...changes,
  });
  const candidates = events.flatMap((e) => (e.kind === "candidate" ? [e.candidate] : []));
  const failed = events.flatMap((e) => (e.kind === "failed" ? [e] : []));
  const usage = events.at(-1);
  if (usage?.kind !== "usage") throw new Error("no usage at the end");
  return { candidates: candidates.sort((a, b) => a.index - b.index), failed, usage };
}

describe("a model of Workers AI", () => {
  test("writes K candidates in K calls, each with a seed of its own, and their tokens are summed", async () => {
    ai.answer((call) => words(`I say ${call.inputs.seed}`));
    const sampling = { temperature: 0.7, topP: 0.9, maxTokens: 64, seed: 40 };
    const { candidates, usage } = await generate(3, sampling);
    expect(candidates.map(({ text }) => text)).toEqual(["I say 40", "I say 41", "I say 42"]);
    expect(candidates.every(({ state }) => state === "complete")).toBe(true);
    expect(usage).toMatchObject({
      usage: { promptTokens: 21, completionTokens: 15 },
      requests: 3,
      mode: "parallel",
    });
    expect(ai.calls[0]).toMatchObject({ model: "@cf/meta/llama" });
    const { seed, ...inputs } = ai.calls[0]?.inputs ?? {};
    expect([40, 41, 42]).toContain(seed);
    expect(inputs).toEqual({
      messages,
      stream: true,
      max_tokens: 64,
      temperature: 0.7,
      top_p: 0.9,
    });
  });

  test("may be asked for by name", async () => {
    ai.answer(() => words("Yes."));
    await generate(1, { model: "@cf/openai/gpt-oss-120b" });
    expect(ai.calls[0]).toMatchObject({ model: "@cf/openai/gpt-oss-120b" });
  });

  test("may stream in OpenAI's form", async () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    ai.answer(() => ({ events: [chunk("No", null), chunk(".", "stop", usage), "[DONE]"] }));
    const { candidates, usage: spent } = await generate(2);
    expect(candidates.map(({ text, finishReason }) => [text, finishReason])).toEqual([
      ["No.", "stop"],
      ["No.", "stop"],
    ]);
    expect(spent.usage).toEqual({ promptTokens: 6, completionTokens: 4 });
  });

  test("that stopped at the limit has been cut, which only the count tells", async () => {
    ai.answer(() => words("It goes on", 16));
    const { candidates } = await generate(1, { maxTokens: 16 });
    expect(candidates).toMatchObject([{ finishReason: "length", state: "cut" }]);
  });

  test("may send a token of digits as a number, and any letter in pieces", async () => {
    ai.answer(() => ({ events: ['{"response":20}', '{"response":" µg é"}', "[DONE]"] }));
    expect((await generate(1)).candidates[0]?.text).toBe("20 µg é");
  });

  test("is asked through the gateway without its log and its cache", async () => {
    ai.answer(() => words("Yes."));
    await generate(1, {}, { gateway: "clinic" });
    const gateway = { id: "clinic", collectLog: false, skipCache: true };
    expect(ai.calls[0]?.options).toMatchObject({ gateway });
    ai.answer(() => words("Yes."));
    await generate(1);
    expect(ai.calls[0]?.options).not.toHaveProperty("gateway");
  });
});

describe("a fault of Workers AI", () => {
  test.each<[string, AiReply, string, number]>([
    ["3040: out of capacity", refusal(429, 3040, "No more data centers"), "rate_limited", 3],
    ["3036: allocation used up", refusal(429, 3036, "daily free allocation"), "quota", 1],
    ["4006: the same", refusal(429, 4006, "daily free allocation"), "quota", 1],
    ["5007: no such model", refusal(400, 5007, "No such model"), "bad_request", 1],
    ["3023: account blocked", refusal(403, 3023, "blocked"), "unauthorized", 1],
    ["a fault of theirs", { status: 500, json: "oops" }, "server_error", 3],
    ["a stream that is none", { events: ["no json"] }, "malformed", 1],
    ["a stream that breaks off", { events: ['{"response":"Ye"}'], end: "cut" }, "cut_stream", 1],
    ["a stream without its end", { events: ['{"response":"Ye"}'] }, "cut_stream", 1],
  ])("%s is named", async (_, reply, reason, requests) => {
    ai.answer(() => reply);
    const { candidates, failed, usage } = await generate(1);
    expect(candidates).toEqual([]);
    expect(failed.map((event) => event.reason)).toEqual([reason]);
    expect(usage.requests).toBe(requests);
  });

  test("that is no fault: an answer in one piece", async () => {
    ai.answer(() => ({ json: { response: "Yes." } }));
    const { candidates } = await generate(1);
    expect(candidates.map(({ text }) => text)).toEqual(["Yes."]);
  });

  test("of one call leaves the others' candidates", async () => {
    ai.answer((_, number) => (number === 1 ? refusal(413, 3006, "large") : words("Yes.")));
    const { candidates, failed } = await generate(4);
    expect(candidates).toHaveLength(3);
    expect(failed).toHaveLength(1);
  });

  test.each<[string, AiReply]>([
    ["before the first word", "hang"],
    ["in the middle", { events: ['{"response":"Ye"}'], end: "hang" }],
  ])("silence %s ends at the deadline, and when the caller leaves", async (_, reply) => {
    ai.answer(() => reply);
    const late = await generate(2, { deadlineMs: 400 });
    expect(late.failed.map((event) => event.reason)).toEqual(["timeout", "timeout"]);
    const left = await generate(2, {}, { leaveAfterMs: 200 });
    expect(left.failed.map((event) => event.reason)).toEqual(["aborted", "aborted"]);
  });
});
