/** Several LLMs answer one question: through the whole Worker in workerd, as callers see it. No scores: votes decide. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deployed, isolate, newKey } from "../access/worker.ts";
import { configured, fakeLlms } from "./llms.ts";

const question = { question: "Which one is it?", options: { A: "one", B: "two", C: "three" } };
const careful = { name: "careful", stages: [{ llms: { cheap: 3 } }, { llms: { strong: 1 } }] };
const price = { cheap: { in: 0.1, out: 0.4 }, strong: { in: 2, out: 8, cached: 0.5 } };
const llms = {
  cheap: { price: price.cheap, tags: ["region:us"] },
  strong: { price: price.strong, tags: ["region:eu"], key: "STRONG_KEY", temperature: 0 },
};
const variables = configured(llms, [careful], { STRONG_KEY: "s3cret" });

beforeEach(() => {
  for (const method of ["log", "warn"] as const) vi.spyOn(console, method).mockReturnValue();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** An answer of a fresh isolate, so that no breaker remembers. */
async function answerOf(body: object, env: object = variables, key?: string) {
  const call = await isolate(env);
  const own = key ?? (await newKey()).key;
  return call("/v1/answer", { key: own, body: { ...question, ...body } });
}

describe("a plan of a cheap LLM and a strong one", () => {
  it("asks the cheap one alone where it is sure", async () => {
    const { asked } = fakeLlms({ cheap: { says: ["B"] }, strong: { says: ["C"] } });
    const { status, body } = await answerOf({});
    expect(status).toBe(200);
    expect(asked()).toEqual(["cheap x3"]);
    expect(body).toMatchObject({
      ...{ model: "careful", answer: "B", llm: "cheap", escalated: false, escalations: [], k: 3 },
      ...{ votes: [{ answer: "B", count: 3, by_llm: { cheap: 3 } }], skipped: [], bounded: [] },
    });
  });

  it("asks the strong one where it is not, takes its answer, and says why", async () => {
    const { asked, seen } = fakeLlms({ cheap: { says: ["A", "B", "A"] }, strong: { says: ["C"] } });
    const { body } = await answerOf({});
    expect(asked()).toEqual(["cheap x3", "strong x1"]);
    expect(body).toMatchObject({
      ...{ answer: "C", llm: "strong", escalated: true, k: 4, confidence: null },
      escalations: [
        { stage: 2, reason: "unsure", judged: { by: "agreement", value: 2 / 3, threshold: 0.8 } },
      ],
      votes: [
        { answer: "C", count: 1, by_llm: { strong: 1 } },
        { answer: "A", count: 2, by_llm: { cheap: 2 } },
        { answer: "B", count: 1, by_llm: { cheap: 1 } },
      ],
    });
    const writers = body.candidates.map(({ llm, stage }: never) => [llm, stage]);
    expect(writers).toEqual([["strong", 2], ...Array(3).fill(["cheap", 1])]);
    const [cheap, strong] = seen;
    expect(cheap).toMatchObject({ authorization: null, body: { model: "cheap-model" } });
    expect(strong).toMatchObject({
      ...{ authorization: "Bearer s3cret", body: { model: "strong-model", temperature: 0 } },
    });
    expect(cheap?.body.temperature).toBeUndefined();
  });

  it("tells tokens and money of each LLM, exact to the micro-unit", async () => {
    fakeLlms({ cheap: { says: ["A", "B", "C"] }, strong: { says: ["C"] } });
    const { body } = await answerOf({});
    // cheap: 100 in at .1, 30 out at .4; strong: 60 in at 2, 40 cached at .5, 10 out at 8.
    const cheap = Math.ceil(100 * 0.1 + 30 * 0.4);
    const strong = Math.ceil(60 * 2 + 40 * 0.5 + 10 * 8);
    const money = (micros: number) => ({
      ...{ amount: `0.${String(micros).padStart(6, "0")}`, currency: "USD", micros },
    });
    expect(body.cost).toEqual(money(cheap + strong));
    expect(body.usage.llms).toMatchObject([
      { llm: "cheap", prompt_tokens: 100, completion_tokens: 30, cost: money(cheap) },
      { llm: "strong", prompt_tokens: 100, cached_tokens: 40, cost: money(strong) },
    ]);
    expect(body.usage).toMatchObject({ prompt_tokens: 200, completion_tokens: 40 });
  });

  it("is entered at its next stage before a slow candidate that can change nothing", async () => {
    const plan = { name: "p", stages: [{ llms: { cheap: 2, slow: 1 } }, { llms: { strong: 1 } }] };
    const env = configured({ cheap: {}, slow: {}, strong: {} }, [plan]);
    const gate = Promise.withResolvers<void>();
    const { asked } = fakeLlms({
      cheap: { says: ["A", "B"] },
      slow: { says: ["A"], gate: gate.promise },
      strong: { says: ["C"] },
    });
    const answering = answerOf({ model: "p" }, env);
    await expect.poll(asked, { timeout: 5_000 }).toContain("strong x1");
    gate.resolve();
    expect((await answering).body).toMatchObject({ answer: "C", k: 4 });
  });

  it("has earlier stages decide where the last one is split", async () => {
    const plan = { name: "p", stages: [{ llms: { cheap: 3 } }, { llms: { strong: 2 } }] };
    const env = configured({ cheap: {}, strong: {} }, [plan]);
    fakeLlms({ cheap: { says: ["C", "B", "B"] }, strong: { says: ["A", "B"] } });
    expect((await answerOf({ model: "p" }, env)).body.answer).toBe("B");
  });
});

describe("an LLM that is down", () => {
  it("is replaced by the next stage, and the answer says so", async () => {
    fakeLlms({ cheap: { says: [], status: 401 }, strong: { says: ["C"] } });
    const { status, body } = await answerOf({});
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ answer: "C", escalations: [{ stage: 2, reason: "failed" }] },
      skipped: [{ llm: "cheap", reason: "unauthorized", candidates: 3 }],
      failed: [{ reason: "unauthorized", count: 3 }],
    });
  });

  it("gives its places to the one that stands by, then is left alone for a while", async () => {
    const plan = { name: "p", stages: [{ llms: { cheap: 2 }, instead: ["spare"] }] };
    const env = configured({ cheap: {}, spare: {} }, [plan]);
    const { asked } = fakeLlms({ cheap: { says: [], status: 401 }, spare: { says: ["B"] } });
    const call = await isolate(env);
    const { key } = await newKey();
    const ask = () => call("/v1/answer", { key, body: { ...question, model: "p" } });
    for (const _ of [1, 2, 3]) expect((await ask()).body.answer).toBe("B");
    expect(asked().slice(-2)).toEqual(["cheap x2", "spare x2"]);
    const { body } = await ask();
    expect(asked().slice(-2)).toEqual(["spare x2", "spare x2"]);
    expect(body.skipped).toEqual([{ llm: "cheap", reason: "breaker", candidates: 2 }]);
  });

  it("costs no answer where the strong one is the one that is down", async () => {
    fakeLlms({ cheap: { says: ["A", "B", "A"] }, strong: { says: [], status: 401 } });
    const { body } = await answerOf({});
    expect(body).toMatchObject({ answer: "A", llm: "cheap", escalated: true });
    expect(body.skipped).toEqual([{ llm: "strong", reason: "unauthorized", candidates: 1 }]);
  });

  it("is a problem only where all are", async () => {
    fakeLlms({ cheap: { says: [], status: 401 }, strong: { says: [], status: 401 } });
    expect(await answerOf({})).toMatchObject({
      ...{ status: 502, body: { code: "upstream_unauthorized" } },
    });
  });
});

describe("a caller's bounds", () => {
  const unsure = { cheap: { says: ["A", "B", "C"] }, strong: { says: ["C"] } };

  it.each([
    [{ stages: 1 }, "stages"],
    [{ forbid_llms: ["strong"] }, "forbid_llms"],
    [{ forbid_llms: ["region:eu"] }, "forbid_llms"],
    [{ allow_llms: ["region:us"] }, "allow_llms"],
    [{ max_cost: 0.002 }, "max_cost"],
    [{ max_cost: "0.002" }, "max_cost"],
  ])("%j keep the strong LLM out, and the answer says what they cost", async (bounds, bound) => {
    const { asked } = fakeLlms(unsure);
    const { status, body } = await answerOf({ max_tokens: 300, ...bounds });
    expect(status).toBe(200);
    expect(asked()).toEqual(["cheap x3"]);
    expect(body).toMatchObject({ escalated: false, llm: "cheap" });
    expect(body.bounded).toEqual([{ bound, stage: 2, llms: ["strong"] }]);
  });

  it("of a chat stand under medadapter", async () => {
    const { asked } = fakeLlms(unsure);
    const call = await deployed(variables);
    const { key } = await newKey();
    const messages = [{ role: "user", content: "Is it?" }];
    const body = { model: "careful", messages, medadapter: { stages: 1 } };
    const answer = await call("/v1/chat/completions", { key, body });
    expect(answer.body.medadapter.bounded).toMatchObject([{ bound: "stages" }]);
    expect(asked()).toEqual(["cheap x3"]);
  });

  it.each([
    [{ forbid_llms: ["nobody"] }, "forbid_llms[0]"],
    [{ allow_llms: ["cheap", "nobody"] }, "allow_llms[1]"],
    [{ forbid_llms: ["cheap", "strong"] }, "forbid_llms"],
    [{ max_cost: 0.000001 }, "max_cost"],
    [{ max_cost: -1 }, "max_cost"],
    [{ max_cost: "plenty" }, "max_cost"],
    [{ stages: 0 }, "stages"],
    [{ k: 5 }, "k"],
    [{ k: "auto", max_k: 5 }, "max_k"],
    [{ model: "nobody" }, "model"],
  ])("%j are refused before an LLM is asked, by name", async (bounds, field) => {
    const { asked } = fakeLlms(unsure);
    const { status, body } = await answerOf(bounds);
    expect([400, 404]).toContain(status);
    expect(body.errors[0].field).toBe(field);
    expect(JSON.stringify(body)).not.toMatch(/nobody|plenty/u);
    expect(asked()).toEqual([]);
  });

  it("of money need prices", async () => {
    fakeLlms(unsure);
    const env = configured({ cheap: {}, strong: {} }, [careful]);
    const { status, body } = await answerOf({ max_cost: 1 }, env);
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      { field: "max_cost", reason: "needs LLMs whose price is configured" },
    ]);
  });
});

describe("a plan that is streamed", () => {
  it("tells when a further stage is entered", async () => {
    fakeLlms({ cheap: { says: ["A", "B", "C"] }, strong: { says: ["C"] } });
    const call = await isolate(variables);
    const { key } = await newKey();
    const headers = { accept: "text/event-stream" };
    const { text } = await call("/v1/answer", { key, headers, body: question });
    const events = text.split("\n\n").flatMap((event) => {
      const name = /^event: (\w+)$/mu.exec(event)?.[1];
      const data = /^data: (\{.*\})$/mu.exec(event)?.[1];
      return name === undefined || data === undefined ? [] : [{ name, data: JSON.parse(data) }];
    });
    const names = events.map(({ name }) => name);
    expect(names.indexOf("escalation")).toBeGreaterThan(names.indexOf("candidate"));
    expect(names.indexOf("escalation")).toBeLessThan(names.lastIndexOf("candidate"));
    const told = events.find(({ name }) => name === "escalation");
    expect(told?.data).toMatchObject({
      ...{ object: "medadapter.escalation", stage: 2, reason: "unsure", llms: ["strong"] },
    });
    const last = events.find(({ name }) => name === "answer")?.data.medadapter;
    expect(last).toMatchObject({ answer: "C", escalated: true });
  });
});

describe("GET /v1/models", () => {
  it("tells of each plan its stages, LLMs and prices", async () => {
    const call = await deployed(variables);
    const { key } = await newKey();
    const { body } = await call("/v1/models", { key });
    expect(body.data.map(({ id }: { id: string }) => id)).toEqual(["careful", "cheap", "strong"]);
    expect(body.data[0].medadapter.stages).toMatchObject([
      {
        stage: 1,
        llms: [
          {
            ...{ llm: "cheap", candidates: 3, tags: ["region:us"] },
            price: { in: "0.100000", out: "0.400000", cached: "0.100000", currency: "USD" },
          },
        ],
      },
      { stage: 2, llms: [{ llm: "strong", candidates: 1 }], leave: null },
    ]);
    expect(JSON.stringify(body)).not.toContain("s3cret");
  });
});
