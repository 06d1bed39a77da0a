/**
 * A plan of two LLMs through the real Worker: HTTP servers of their own behind `wrangler dev`, the official SDK in front,
 * the shipped adapter in between. One of them fails at random: no request is without an answer, and what is told of
 * tokens and money is what the LLMs have billed.
 */
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
  worker = await startWorker(folder, {
    LLMS: JSON.stringify([
      { name: "cheap", base_url: cheap.url, model: "small", price: { in: 0.1, out: 0.4 } },
      { name: "strong", base_url: strong.url, model: "large", price: { in: 2.5, out: 10 } },
      { name: "gone", base_url: "http://127.0.0.1:9/v1", model: "none" },
    ]),
    PLANS: JSON.stringify([
      { name: "careful", stages: [{ llms: { cheap: 3 } }, { llms: { strong: 1 } }] },
      { name: "lame", stages: [{ llms: { gone: 2 } }, { llms: { strong: 1 } }] },
    ]),
    LLM_DEADLINE_MS: "20000",
  });
  await fetch(`${worker.url}/readyz`);
});

afterAll(async () => {
  await endStack(folder);
  for (const { server } of [cheap, strong]) {
    server.close();
    server.closeAllConnections();
  }
});

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
    expect(models.data.map(({ id }) => id)).toEqual(["careful", "lame", "cheap", "strong", "gone"]);
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
