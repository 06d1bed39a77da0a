/** The official OpenAI SDK for Node against the Worker, as an app would use it. */
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  type Replay,
  startReplay,
  startWorker,
  temporaryFolder,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";
import { recording } from "./recordings.ts";

let folder: string;
let replay: Replay;
let client: OpenAI;

beforeAll(async () => {
  folder = temporaryFolder();
  replay = await startReplay(folder);
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  const worker = await startWorker(folder, { LLM_BASE_URL: replay.url, LLM_MODEL: "replay" });
  await fetch(`${worker.url}/readyz`);
  client = new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none yet", maxRetries: 0 });
});

beforeEach(() => replay.reset());
afterAll(() => endStack(folder));

/** OpenAI's types know nothing of `medadapter`. */
type Extras = {
  medadapter: {
    answer: string;
    task: string;
    abstained: boolean;
    adapter: { name: string } | null;
    candidates: { text: string; score: number }[];
  };
};

/** A question as a user types it: options in lines, context before. */
function typed(task: string): string {
  const { question, options, context } = recording(task);
  const lettered = Object.entries(options ?? {}).map(([label, text]) =>
    label === text ? "" : `${label}. ${text}`,
  );
  return [context ? `Context: ${context}\n` : "", question, ...lettered].filter(Boolean).join("\n");
}

function create(content: string, extra: object = {}) {
  const body = { model: "replay", messages: [{ role: "user" as const, content }], ...extra };
  return client.chat.completions.create(body) as unknown as Promise<
    OpenAI.Chat.Completions.ChatCompletion & Extras
  >;
}

describe("the OpenAI SDK", () => {
  it("gets the best of eight by default", async () => {
    const completion = await create(typed("mcq"));
    expect(completion.choices).toHaveLength(1);
    expect(completion.medadapter).toMatchObject({ task: "mcq", adapter: { name: "mini" } });
    expect(completion.medadapter.candidates).toHaveLength(8);
    expect(completion.choices[0]?.message.content).toBe(completion.medadapter.candidates[0]?.text);
    expect(Object.keys(recording("mcq").options ?? {})).toContain(completion.medadapter.answer);
    expect(completion.usage?.total_tokens).toBeGreaterThan(0);
    expect(completion.id).toMatch(/^chatcmpl-/);
  });

  it("gets the n best of k, ranked", async () => {
    const { choices, medadapter } = await create(typed("mcq"), { n: 3, medadapter: { k: 6 } });
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(medadapter.candidates).toHaveLength(6);
    expect(choices.map(({ message }) => message.content)).toEqual(
      medadapter.candidates.slice(0, 3).map(({ text }) => text),
    );
  });

  it("takes options and context from medadapter as well", async () => {
    const { question, options, context, task } = recording("pubmedqa");
    const { medadapter } = await create(question, {
      medadapter: { options, context, task, strategy: "best_of", k: 2 },
    });
    expect(medadapter).toMatchObject({ task: "pubmedqa", strategy: "best_of" });
  });

  it("keeps the conversation before the question", async () => {
    const { question, options } = recording("yesno");
    const completion = await client.chat.completions.create({
      model: "replay",
      messages: [
        { role: "system", content: "You are brief." },
        { role: "user", content: "Hello" },
        { role: "assistant", content: "Hello. What is your question?" },
        { role: "user", content: [{ type: "text", text: question }] },
      ],
      // Fields that mean nothing here, and ones that OpenAI may add one day, do no harm.
      store: false,
      metadata: { app: "demo" },
      // @ts-expect-error: ours, and one that nobody knows
      medadapter: { options, k: 2 },
      something_new: 1,
    });
    expect(completion.choices[0]?.message.content).toEqual(expect.any(String));
  });

  it("gets the configured sentence where the service abstains", async () => {
    const { choices, medadapter } = await create(typed("mcq"), {
      n: 2,
      medadapter: { abstain: { target_error: 1e-9 } },
    });
    expect(medadapter).toMatchObject({ abstained: true, answer: null });
    expect(choices).toHaveLength(1);
    expect(choices[0]).toMatchObject({ finish_reason: "stop", index: 0 });
    expect(choices[0]?.message.content).toMatch(/not sure/);
  });

  it("lists the models", async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(["replay"]);
  });
});

describe("the OpenAI SDK's own errors", () => {
  it("BadRequestError names what is not supported", async () => {
    const failing = client.chat.completions.create({
      model: "replay",
      logprobs: true,
      messages: [{ role: "user", content: "x" }],
    });
    await expect(failing).rejects.toMatchObject({
      constructor: OpenAI.BadRequestError,
      status: 400,
      code: "unsupported_parameter",
      param: "logprobs",
      type: "invalid_request_error",
      requestID: expect.stringMatching(/^req_/),
    });
  });

  it("NotFoundError for a model that is not configured, and for a question without recording", async () => {
    const messages = [{ role: "user" as const, content: "Is zinc blue?" }];
    await expect(
      client.chat.completions.create({ model: "gpt-0", messages }),
    ).rejects.toMatchObject({ constructor: OpenAI.NotFoundError, param: "model" });
    await expect(
      client.chat.completions.create({ model: "replay", messages }),
    ).rejects.toMatchObject({ constructor: OpenAI.NotFoundError, code: "question_not_recorded" });
  });

  it("InternalServerError where the LLM fails", async () => {
    await replay.fail("401");
    await expect(create(typed("mcq"))).rejects.toMatchObject({
      constructor: OpenAI.InternalServerError,
      status: 502,
      code: "upstream_unauthorized",
    });
  });

  it("retries by itself when the LLM is rate limited for a moment", async () => {
    await replay.fail("429-retry-after", 1);
    const patient = client.withOptions({ maxRetries: 1 });
    const messages = [{ role: "user" as const, content: typed("mcq") }];
    const completion = await patient.chat.completions.create({ model: "replay", messages });
    expect(completion.choices).toHaveLength(1);
  });
});
