/** A word of care: the notice in every answer, and the urgent text first, whatever comes of the rest. */
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  post,
  type Replay,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { ask, recording } from "./recordings.ts";
import { openEvents } from "./sse.ts";

const NOTICE = "Only a test.";
const URGENT = "Call 000 first.";
const plain = recording("yesno");
const urgent = { ...plain, question: `I can't breathe! ${plain.question}` };

let folder: string;
let replay: Replay;
let worker: Worker;

beforeAll(async () => {
  folder = temporaryFolder();
  replay = await startReplay(folder);
  await seedAdapter({ bundleDir, persistTo: join(folder, "state"), configPath, channel: "stable" });
  const llm = { LLM_BASE_URL: replay.url, LLM_MODEL: "replay" };
  worker = await startWorker(folder, { ...llm, NOTICE, URGENT_TEXT: URGENT });
});

afterAll(() => endStack(folder));

const answer = (body: object) => post<AnswerBody>(`${worker.url}/v1/answer`, body);
const openai = () => new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none", maxRetries: 0 });
const chat = (content: string) => ({
  model: "replay",
  messages: [{ role: "user" as const, content }],
});

describe("a question like any other", () => {
  it("has the notice and nothing urgent", async () => {
    const { body } = await answer(ask(plain));
    expect(body).toMatchObject({ notice: NOTICE, urgent: false, urgent_text: null });
    expect(body.text).not.toContain(URGENT);
  });
});

describe("a question that tells of an emergency", () => {
  it("is answered, the urgent text first", async () => {
    const { status, body } = await answer(ask(urgent));
    expect(status).toBe(200);
    expect(body).toMatchObject({ notice: NOTICE, urgent: true, urgent_text: URGENT });
    expect(body.text).toMatch(new RegExp(`^${URGENT}\n\n.`, "s"));
    expect(body.candidates).toHaveLength(8);
  });

  it("has it where the service abstains, too", async () => {
    const { body } = await answer({ ...ask(urgent), abstain: { target_error: 0.05 } });
    expect(body).toMatchObject({ abstained: true, answer: null, urgent: true, text: URGENT });
  });

  it("has it in the first choice of a chat, and no other", async () => {
    const { choices } = await openai().chat.completions.create({ ...chat(urgent.question), n: 2 });
    expect(choices[0]?.message.content?.startsWith(`${URGENT}\n\n`)).toBe(true);
    expect(choices[1]?.message.content).not.toContain(URGENT);
  });

  it("has it in a stream before the LLM has said a word, and once", async () => {
    await replay.fail("hang-before-headers", 1);
    const hanging = await openEvents(`${worker.url}/v1/answer`, ask(urgent));
    const { value: first } = await hanging.events().next();
    hanging.leave();
    await replay.reset();
    expect(JSON.parse(first?.data ?? "{}").choices[0].delta.content).toBe(`${URGENT}\n\n`);

    const stream = await openai().chat.completions.create({
      ...chat(urgent.question),
      stream: true,
    });
    let text = "";
    for await (const part of stream) text += part.choices[0]?.delta.content ?? "";
    expect(text.split(URGENT)).toHaveLength(2);
    expect(text).toMatch(new RegExp(`^${URGENT}\n\n.`, "s"));
  });

  it("has it in the problem where there is no answer", async () => {
    const { status, body } = await answer({ question: "I can't breathe and nobody recorded it." });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body).toMatchObject({ urgent: true, urgent_text: URGENT });
  });
});
