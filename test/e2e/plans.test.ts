/**
 * A plan of two LLMs through the real Worker: HTTP servers of their own behind `wrangler dev`, the official SDK in front,
 * the shipped adapter in between. One of them fails at random: no request is without an answer, and what is told of
 * tokens and money is what the LLMs have billed.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  post,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { planFit } from "../adapter/select/planFixture.ts";
import { type LiveLlm, live } from "./liveLlm.ts";

const question = {
  question: "Which mineral do the bones store most of?",
  options: { A: "Calcium", B: "Iron", C: "Zinc" },
};

let folder: string;
let worker: Worker;
let cheap: LiveLlm;
let strong: LiveLlm;

beforeAll(async () => {
  folder = temporaryFolder();
  // Three of four answers are split: most questions go on to the strong one.
  cheap = await live(["B", "A", "C", "A", "A", "A"]);
  strong = await live(["A"]);
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  await seedAdapter({ bundleDir: fittedPlan(), persistTo, configPath, channel: "stable" });
  worker = await startWorker(folder, {
    LLMS: JSON.stringify([
      { name: "cheap", base_url: cheap.url, model: "small", price: { in: 0.1, out: 0.4 } },
      { name: "strong", base_url: strong.url, model: "large", price: { in: 2.5, out: 10 } },
      { name: "gone", base_url: "http://127.0.0.1:9/v1", model: "none" },
    ]),
    PLANS: JSON.stringify([
      { name: "careful", stages: [{ llms: { cheap: 3 } }, { llms: { strong: 1 } }] },
      { name: "fitted", stages: [{ llms: { cheap: 3 } }, { llms: { strong: 1 } }], fit: "careful" },
      { name: "lame", stages: [{ llms: { gone: 2 } }, { llms: { strong: 1 } }] },
    ]),
    LLM_DEADLINE_MS: "20000",
  });
  await fetch(`${worker.url}/readyz`);
});

/** A folder with what was fitted for the plan: the strong one's vote counts twice the cheap ones' together. */
function fittedPlan(): string {
  const path = join(folder, "fitted plan");
  mkdirSync(path);
  const [group] = planFit.groups;
  const [first, last] = group?.stages ?? [];
  if (group === undefined || first === undefined || last === undefined) throw new Error("no fit");
  const weighing = (weights: Record<string, number>) => ({ weights, defaults: [0.5] });
  const stages = [
    { ...first, votes: { ...first.votes, ...weighing({ cheap: 1 }) } },
    { ...last, votes: { ...last.votes, ...weighing({ cheap: 1, strong: 2 }) } },
  ];
  const fit = { ...planFit, stages: [["cheap"], ["strong"]], groups: [{ ...group, stages }] };
  writeFileSync(join(path, "manifest.json"), JSON.stringify(fit));
  return path;
}

afterAll(async () => {
  await endStack(folder);
  for (const { server } of [cheap, strong]) {
    server.close();
    server.closeAllConnections();
  }
});

interface Ranked {
  readonly results: readonly { readonly answer: string | null }[];
  readonly medadapter: { readonly plan?: { readonly answer: string | null } };
}

const ask = (more: object = {}) =>
  post<AnswerBody>(`${worker.url}/v1/answer`, { ...question, ...more });

describe("a plan of two LLMs", () => {
  it("escalates, scores candidates of both, and says so", async () => {
    const { status, body } = await ask();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ model: "careful", answer: "A", llm: "strong", escalated: true, degraded: false },
      usage: { candidates_generated: 4, llms: [{ llm: "cheap" }, { llm: "strong" }] },
    });
    expect(body.candidates?.every(({ score }) => score !== null)).toBe(true);
  });

  it("stays with the cheap one where that is sure", async () => {
    const { body } = await ask();
    expect(body).toMatchObject({ answer: "A", llm: "cheap", escalated: false });
  });

  it("is a model to OpenAI's SDK", async () => {
    const client = new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none", maxRetries: 0 });
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual([
      ...["careful", "fitted", "lame", "cheap", "strong", "gone"],
    ]);
    const content = `${question.question}\nA) Calcium\nB) Iron\nC) Zinc`;
    const messages = [{ role: "user" as const, content }];
    const chat = await client.chat.completions.create({ model: "careful", messages });
    expect(chat.choices[0]?.message.content).toContain("Answer: A");
    expect(chat).toMatchObject({ medadapter: { llm: "strong", escalated: true } });
    const stream = await client.chat.completions.create({ model: "lame", messages, stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toContain("Answer: A");
  });

  it("believes each LLM by its fitted weight, in answers and among texts that a caller brings", async () => {
    const { body } = await ask({ model: "fitted" });
    expect(body.confidence_reason).toBeNull();
    expect(body.confidence).toBeGreaterThan(0);
    const documents = [
      { text: "It is iron. Answer: B", llm: "cheap" },
      { text: "Iron, surely. Answer: B", llm: "cheap" },
      { text: "Calcium it is. Answer: A", llm: "strong" },
    ];
    const { question: query, options } = question;
    const bring = { query, options, documents };
    const weighed = await post<Ranked>(`${worker.url}/v1/rerank`, { ...bring, plan: "fitted" });
    expect(weighed.body.medadapter.plan).toMatchObject({
      fit: "careful",
      version: "1",
      answer: "A",
    });
    expect(weighed.body.results.map(({ answer }) => answer)).toEqual(["A", "B", "B"]);
    const swapped = documents.map(({ text, llm }) => ({
      text,
      llm: llm === "cheap" ? "strong" : "cheap",
    }));
    const other = await post<Ranked>(`${worker.url}/v2/rerank`, {
      ...{ query, options, plan: "fitted@1" },
      documents: swapped.map(({ text }) => text),
      llms: swapped.map(({ llm }) => llm),
    });
    expect(other.body.medadapter.plan?.answer).toBe("B");
    expect(
      (await post<Ranked>(`${worker.url}/v1/rerank`, bring)).body.medadapter.plan,
    ).toBeUndefined();
  });

  it.each([
    ["plan", { plan: "nobody", llms: ["cheap"] }],
    ["plan", { plan: "careful", llms: ["cheap"] }],
    ["plan", { plan: "fitted@9", llms: ["cheap"] }],
    ["llms", { llms: ["cheap"] }],
    ["llms", { plan: "fitted", llms: ["cheap", "strong"] }],
    ["documents[0].llm", { plan: "fitted" }],
    ["options", { plan: "fitted", llms: ["cheap"], options: null }],
  ])("%s of a rerank is named where it is wrong: %j", async (field, more) => {
    const { question: query, options } = question;
    const body = { query, options, documents: ["It is calcium."], ...more };
    const refused = await post<{ errors: { field: string }[] }>(`${worker.url}/v1/rerank`, body);
    expect(refused.body.errors[0]?.field).toBe(field);
  });

  it("answers every request while one of them is down at random, and tells what was billed", async () => {
    const before = [cheap, strong].map(({ billed }) => ({ ...billed }));
    // One in three requests fails, of either LLM, never of both at once: a fixed sequence, so that a failure repeats.
    let seed = 7;
    const next = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    let down: LiveLlm | null = null;
    const mood = (llm: LiveLlm) => () => {
      if (llm !== down) return "well";
      return next() < 0.5 ? "refuses" : "hangs up";
    };
    cheap.mood = mood(cheap);
    strong.mood = mood(strong);
    const bodies: AnswerBody[] = [];
    for (let round = 0; round < 12; round += 1) {
      down = [cheap, null, strong][Math.floor(next() * 3)] ?? null;
      const replies = await Promise.all([ask(), ask(), ask()]);
      for (const { status, body } of replies) {
        expect(status).toBe(200);
        expect(body.answer).not.toBeNull();
        bodies.push(body);
      }
    }
    down = null;
    expect(bodies.some(({ skipped }) => skipped.length > 0)).toBe(true);
    // Tokens and money of all answers are what the LLMs have billed.
    const of = (name: string) =>
      bodies.flatMap(({ usage }) => usage.llms.filter(({ llm }) => llm === name));
    for (const [at, [name, llm, price]] of (
      [
        ["cheap", cheap, { in: 0.1, out: 0.4 }],
        ["strong", strong, { in: 2.5, out: 10 }],
      ] as const
    ).entries()) {
      const used = of(name);
      const sum = (read: (one: (typeof used)[number]) => number) =>
        used.reduce((all, one) => all + read(one), 0);
      const prompt = llm.billed.prompt - (before[at]?.prompt ?? 0);
      const completion = llm.billed.completion - (before[at]?.completion ?? 0);
      expect(sum((one) => one.prompt_tokens)).toBe(prompt);
      expect(sum((one) => one.completion_tokens)).toBe(completion);
      const micros = Math.round(prompt * price.in * 10 + completion * price.out * 10) / 10;
      expect(sum((one) => one.cost?.micros ?? 0)).toBeGreaterThanOrEqual(micros);
      expect(sum((one) => one.cost?.micros ?? 0)).toBeLessThanOrEqual(micros + used.length);
    }
  });
});
