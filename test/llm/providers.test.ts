/** Habits of real providers: refused parameters, running totals, extra fields; and what they are told. */
import { afterEach, describe, expect, it } from "vitest";
import { ProviderMemory } from "../../src/llm/openai/providerMemory.ts";
import { type Answer, type Asked, part, provider } from "./provider.ts";
import { ask, collect, generatorOn, texts } from "./replay.ts";

let running: Awaited<ReturnType<typeof provider>>;
afterEach(() => running.close());

async function against(answer: (asked: Asked) => Answer) {
  running = await provider(answer);
  return running;
}

const answers: Answer = { events: [part("#### yes", "stop")] };

const refuses = (message: string, param: string | null = null): Answer => ({
  status: 400,
  json: { error: { message, type: "invalid_request_error", param, code: null } },
});

describe("a refused parameter", () => {
  it("max_tokens is put as max_completion_tokens, at once the next time", async () => {
    const { url, asked } = await against(({ body }) =>
      "max_tokens" in body
        ? refuses("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        : answers,
    );
    const generator = generatorOn(url);
    for (const requests of [2, 1]) {
      const { candidates, usage } = await collect(generator.generate(ask(1, { maxTokens: 9 })));
      expect(texts(candidates)).toEqual(["#### yes"]);
      expect(usage.requests).toBe(requests);
    }
    expect(asked.at(-1)?.body).toMatchObject({ max_completion_tokens: 9 });
  });

  it("stream_options is left out", async () => {
    const { url } = await against(({ body }) =>
      "stream_options" in body ? refuses("Unknown field", "stream_options") : answers,
    );
    const { candidates, usage } = await collect(generatorOn(url).generate(ask(1)));
    expect(texts(candidates)).toEqual(["#### yes"]);
    expect(usage).toMatchObject({ requests: 2, usage: { promptTokens: 0, completionTokens: 0 } });
  });

  it.each([
    ["a param", refuses("Bad value", "n")],
    ["OpenAI's words", refuses("Unsupported value: 'n' does not support 3 with this model.")],
    ["plain words", refuses("n must be 1")],
    ["a comparison", refuses("This model only supports n=1")],
    ["candidates", refuses("Multiple candidates is not enabled for this model")],
    [
      "a validation list",
      { status: 422, json: { detail: [{ loc: ["body", "n"], msg: "max 1" }] } },
    ],
  ] satisfies [string, Answer][])("n, named by %s, is asked for one by one", async (_, refusal) => {
    const { url } = await against(({ body }) => ("n" in body ? refusal : answers));
    const { candidates, usage } = await collect(generatorOn(url).generate(ask(3)));
    expect(candidates).toHaveLength(3);
    expect(usage).toMatchObject({ requests: 4, mode: "parallel" });
  });

  it.each([
    [
      "context length",
      "context_too_long",
      refuses("This model's maximum context length is 4096 tokens", "messages"),
    ],
    ["another parameter", "bad_request", refuses("stop must be a text", "stop")],
  ] satisfies [string, string, Answer][])(
    "%s is no reason to ask one by one",
    async (_, reason, refusal) => {
      const { url } = await against(() => refusal);
      const { reasons, usage } = await collect(generatorOn(url).generate(ask(2)));
      expect(reasons).toEqual({ 0: reason, 1: reason });
      expect(usage.requests).toBe(1);
    },
  );

  it.each([
    ["stream_options", refuses("Blocked: 'what are stream_options'")],
    ["max_completion_tokens", refuses("Blocked: 'max_completion_tokens?'")],
    ["another param", refuses("Blocked: 'stream_options max_completion_tokens'", "messages")],
    [
      "another place",
      { status: 422, json: { detail: [{ loc: ["body", "messages"], input: "stream_options" }] } },
    ],
  ] satisfies [string, Answer][])(
    "is not learnt from a question that is repeated in its refusal: %s",
    async (_, refusal) => {
      let blocking = true;
      const { url, asked } = await against(() => (blocking ? refusal : answers));
      const memory = new ProviderMemory();
      const generator = generatorOn(url, { memory });
      await collect(generator.generate(ask(1, { maxTokens: 9 })));
      blocking = false;
      await collect(generator.generate(ask(1, { maxTokens: 9 })));
      expect(asked.at(-1)?.body).toMatchObject({
        stream_options: { include_usage: true },
        max_tokens: 9,
      });
    },
  );

  it("that the error's own member names is believed before its text", async () => {
    const { url, asked } = await against(({ body }) =>
      "stream_options" in body
        ? refuses("max_completion_tokens and n=1 are fine", "stream_options.include_usage")
        : answers,
    );
    const { candidates } = await collect(generatorOn(url).generate(ask(2, { maxTokens: 9 })));
    expect(texts(candidates)[0]).toEqual("#### yes");
    expect(asked[1]?.body).toMatchObject({ n: 2, max_tokens: 9 });
  });

  it("n is not held against a provider whose calls for one fail as well", async () => {
    const { url } = await against(() => refuses("'n' is not a name"));
    const memory = new ProviderMemory();
    await collect(generatorOn(url, { memory }).generate(ask(4)));
    expect(memory.traits({ baseUrl: url, model: "replay", greedy: false }).maxN).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});

describe("a parameter that the model does not take", () => {
  const unsupported = refuses(
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.",
    "temperature",
  );

  it("is left out and named, at once the next time", async () => {
    const { url, asked } = await against(({ body }) =>
      "temperature" in body ? unsupported : answers,
    );
    const generator = generatorOn(url);
    for (const requests of [2, 1]) {
      const outcome = await collect(generator.generate(ask(1, { temperature: 0.7, seed: 3 })));
      expect(texts(outcome.candidates)).toEqual(["#### yes"]);
      expect(outcome.usage).toMatchObject({ requests, ignored: ["temperature"] });
    }
    expect(asked.at(-1)?.body).toMatchObject({ seed: 3 });
    const without = await collect(generator.generate(ask(1)));
    expect(without.usage.ignored).toEqual([]);
  });

  it("is not held against others where only its value is refused", async () => {
    const { url, asked } = await against(({ body }) =>
      Number(body.temperature) > 1 ? refuses("must be at most 1", "temperature") : answers,
    );
    const generator = generatorOn(url);
    const high = await collect(generator.generate(ask(1, { temperature: 1.7 })));
    expect(high.usage.ignored).toEqual(["temperature"]);
    await collect(generator.generate(ask(1, { temperature: 0.5 })));
    expect(asked.at(-1)?.body).toMatchObject({ temperature: 0.5 });
  });

  it("and may not be left out is named in the failure", async () => {
    const { url } = await against(() => refuses("stop is not supported", "stop"));
    const { failed } = await collect(generatorOn(url).generate(ask(1, { stop: ["x"] })));
    expect(failed[0]).toMatchObject({ reason: "bad_request", parameter: "stop" });
  });

  it("n at temperature 0 changes nothing for other temperatures", async () => {
    const { url } = await against(({ body }) => {
      const { n = 1, temperature } = body as { n?: number; temperature?: number };
      if (n > 1 && temperature === 0) {
        return { status: 400, json: { message: "n must be 1 when using greedy sampling." } };
      }
      return { events: Array.from({ length: n }, (_, index) => part("#### yes", "stop", index)) };
    });
    const generator = generatorOn(url);
    const asks: readonly [number, number][] = [
      [0.7, 1],
      [0, 5],
      [0.7, 1],
      [0, 4],
    ];
    for (const [temperature, requests] of asks) {
      const { candidates, usage } = await collect(generator.generate(ask(4, { temperature })));
      expect(candidates).toHaveLength(4);
      expect(usage.requests).toBe(requests);
    }
  });

  it("stream is asked without, and the whole answer is read", async () => {
    const whole = { choices: [{ message: { content: "#### yes" }, finish_reason: "stop" }] };
    const { url, asked } = await against(({ body }) =>
      body.stream === true
        ? refuses("Streaming is not supported for this model.")
        : { status: 200, json: whole },
    );
    const { candidates, usage } = await collect(generatorOn(url).generate(ask(1)));
    expect(texts(candidates)).toEqual(["#### yes"]);
    expect(usage.requests).toBe(2);
    expect(asked.at(-1)?.body).not.toHaveProperty("stream_options");
  });
});

describe("a stream with habits of its own", () => {
  it("that repeats a running total counts the last one", async () => {
    const total = (tokens: number) => ({ prompt_tokens: 7, completion_tokens: tokens });
    const { url } = await against(() => ({
      events: [part("a", null, 0, total(1)), part("b", "stop", 0, total(2))],
    }));
    const { usage, candidates } = await collect(generatorOn(url).generate(ask(1)));
    expect(usage.usage).toEqual({ promptTokens: 7, completionTokens: 2 });
    expect(texts(candidates)).toEqual(["ab"]);
  });

  it("that says twice how a choice ended, leaves out index, or sends more choices than asked", async () => {
    const bare = { choices: [{ delta: { content: "x" }, finish_reason: null }] };
    const { url } = await against(() => ({
      events: [bare, part("", "stop"), part("", "stop"), part("stray", "stop", 5)],
    }));
    const { candidates, failed } = await collect(generatorOn(url).generate(ask(1)));
    expect(texts(candidates)).toEqual(["x"]);
    expect(failed).toEqual([]);
  });

  it("whose events are JSON but no chunks is malformed", async () => {
    for (const odd of [7, "text", [], { choices: "none" }]) {
      const { url } = await against(() => ({ events: [odd] }));
      const { reasons } = await collect(generatorOn(url).generate(ask(1)));
      expect(reasons).toEqual({ 0: "malformed" });
      await running.close();
    }
  });

  it("with several choices in a chunk under one index is not trusted", async () => {
    const twice = {
      choices: [
        { index: 0, delta: { content: "one" }, finish_reason: null },
        { index: 0, delta: { content: "two" }, finish_reason: null },
      ],
    };
    const { url } = await against(({ body }) =>
      "n" in body ? { events: [twice, part("", "stop")] } : answers,
    );
    const { candidates } = await collect(generatorOn(url).generate(ask(2)));
    expect(texts(candidates)).toEqual(["#### yes", "#### yes"]);
  });
});

describe("what a provider is told", () => {
  it("is the request, the key, configured headers, and a different seed for each call", async () => {
    const { url, asked } = await against(({ body }) =>
      "n" in body ? refuses("no such thing", "n") : answers,
    );
    const generator = generatorOn(url, { headers: { "cf-aig-collect-log": "false" } });
    const more = { temperature: 0.7, topP: 0.9, stop: ["\n\n\n"], seed: 40, user: "u-1" };
    await collect(generator.generate(ask(3, { ...more, model: "another" })));
    expect(asked[0]?.path).toBe("/v1/chat/completions");
    expect(asked[0]?.headers).toMatchObject({
      authorization: "Bearer test-key",
      "cf-aig-collect-log": "false",
    });
    expect(asked[0]?.body).toMatchObject({
      ...{ model: "another", n: 3, stream: true, stream_options: { include_usage: true } },
      ...{ temperature: 0.7, top_p: 0.9, stop: ["\n\n\n"], seed: 40, user: "u-1" },
    });
    expect(asked.slice(1).map(({ body }) => body.seed)).toEqual([40, 41, 42]);
    const ids = asked.slice(1).map(({ headers }) => headers["x-client-request-id"]);
    expect(new Set(ids).size).toBe(3);
  });

  it("is no key where there is none, and nothing from the environment", async () => {
    process.env.OPENAI_ORG_ID = "org-of-the-machine";
    process.env.OPENAI_API_KEY = "key-of-the-machine";
    const { url, asked } = await against(() => answers);
    await collect(generatorOn(url, { apiKey: null }).generate(ask(1)));
    process.env.OPENAI_ORG_ID = undefined;
    process.env.OPENAI_API_KEY = undefined;
    expect(asked[0]?.headers).not.toHaveProperty("authorization");
    expect(JSON.stringify(asked[0]?.headers)).not.toContain("of-the-machine");
  });
});

describe("text of a provider", () => {
  it("is in no failure", async () => {
    const canary = "canary-5317";
    const failing: Answer[] = [400, 401, 404, 429, 500].map((status) => ({
      status,
      json: { error: { message: canary, type: canary, code: canary, param: canary } },
    }));
    failing.push({ events: [{ error: { message: canary, code: canary } }] });
    failing.push({ events: [part(canary), canary] });
    for (const answer of failing) {
      const { url } = await against(() => answer);
      const { events } = await collect(generatorOn(url).generate(ask(2)));
      expect(events.filter(({ kind }) => kind === "failed")).toHaveLength(2);
      expect(JSON.stringify(events)).not.toContain(canary);
      await running.close();
    }
  });
});
