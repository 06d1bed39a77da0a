/** Answers as streams: what comes in which order, what is refused before the first byte, and a client that leaves. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
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
import { ask, recording, recordings } from "./recordings.ts";
import { allEvents, openEvents } from "./sse.ts";

let folder: string;
let replay: Replay;
let worker: Worker;
let client: OpenAI;

beforeAll(async () => {
  folder = temporaryFolder();
  // Slow: a whole answer takes some ten seconds.
  replay = await startReplay(folder, undefined, "400,5");
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  worker = await startWorker(folder, { LLM_BASE_URL: replay.url, LLM_MODEL: "replay" });
  await fetch(`${worker.url}/readyz`);
  client = new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none yet", maxRetries: 0 });
});

beforeEach(() => replay.reset());
afterAll(() => endStack(folder));

const stream = (body: object) => openEvents(`${worker.url}/v1/answer`, body);

/** Short texts: 16 tokens take three seconds. */
const short = { max_tokens: 16 };

interface Chunk {
  object: string;
  choices: { index: number; delta: { content?: string }; finish_reason: string | null }[];
  usage?: { total_tokens: number } | null;
  medadapter?: AnswerBody;
}

const textOf = (chunks: readonly Chunk[], index = 0) =>
  chunks
    .flatMap(({ choices }) => choices)
    .filter((choice) => choice.index === index)
    .map(({ delta }) => delta.content ?? "")
    .join("");

async function load() {
  const ready = await (await fetch(`${worker.url}/readyz`)).json();
  return (ready as { load: { held: number; waiting: number } }).load;
}

describe("POST /v1/answer with Accept: text/event-stream", () => {
  it("sends candidates with the leader, the text, the answer, [DONE]; comments meanwhile", async () => {
    const recorded = recording("pubmedqa");
    const reader = await stream({ ...ask(recorded), ...short, k: 4 });
    expect(reader.status).toBe(200);
    expect(reader.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const events = await allEvents(reader);
    expect(reader.comments).toBeGreaterThanOrEqual(2);
    const names = events.map(({ name }) => name);
    expect(names.slice(0, 4)).toEqual(["candidate", "candidate", "candidate", "candidate"]);
    expect(names.slice(4, -2).every((name) => name === null)).toBe(true);
    expect(names.slice(-2)).toEqual(["answer", null]);
    expect(events.at(-1)?.data).toBe("[DONE]");

    const [one, , , last] = events.slice(0, 4).map(({ data }) => JSON.parse(data));
    expect(one).toMatchObject({
      object: "medadapter.candidate",
      choices: [],
      score: expect.any(Number),
      probability: expect.any(Number),
      leader: { index: one.index, answer: one.answer },
    });
    const chunks = events.slice(4, -1).map(({ data }) => JSON.parse(data) as Chunk);
    const body = chunks.at(-1)?.medadapter;
    expect(body).toMatchObject({ object: "answer", degraded: false, k: 4, k_stopped: null });
    expect(body?.usage).toMatchObject({ candidates_generated: 4 });
    expect(body?.text).toBe(textOf(chunks));
    expect(last.leader).toEqual({ index: body?.candidates?.[0]?.index, answer: body?.answer });
    expect(last.votes).toEqual(body?.votes);
    expect(body?.id).toBe(reader.headers.get("x-request-id"));
  });

  it("says the same as the plain call", async () => {
    const body = { ...ask(recording("mcq")), ...short, k: 2 };
    const [events, plain] = await Promise.all([
      stream(body).then(allEvents),
      post<AnswerBody>(`${worker.url}/v1/answer`, body),
    ]);
    const streamed = (JSON.parse(events.at(-2)?.data ?? "") as Chunk).medadapter;
    expect(Object.keys(streamed ?? {}).sort()).toEqual(Object.keys(plain.body).sort());
    const { answer, text, candidates, votes, usage } = plain.body;
    const anyTime = { arrived_ms: expect.any(Number), scored_ms: expect.any(Number) };
    const untimed = candidates?.map((candidate) => ({ ...candidate, ...anyTime }));
    expect(streamed).toMatchObject({ answer, text, candidates: untimed, votes, usage });
  });

  it("prefers what Accept prefers", async () => {
    const accept = "text/event-stream;q=0.5, application/json";
    const response = await fetch(`${worker.url}/v1/answer`, {
      method: "POST",
      headers: { "content-type": "application/json", accept },
      body: JSON.stringify({ ...ask(recording("yesno")), max_tokens: 2, k: 1 }),
    });
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    await response.body?.cancel();
  });
});

describe("what is refused is a plain response", () => {
  const long = `${recording("mcq").question} ${"and furthermore ".repeat(400)}`;
  it.each([
    ["a field that is not valid", { ...ask(recording("mcq")), k: 99 }, "invalid_request"],
    [
      "a question that is too long",
      { ...ask(recording("mcq")), question: long },
      "question_too_long",
    ],
  ])("%s, before the LLM is asked", async (_, body, code) => {
    const response = await fetch(`${worker.url}/v1/answer`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code, error: { code } });
    expect(await replay.stats()).toMatchObject({ requests: 0 });
  });

  it("as are more streams than can be held; those that leave make room", async () => {
    await replay.fail("hang-before-headers");
    const body = { ...ask(recording("mcq")), k: 2 };
    const readers = await Promise.all(Array.from({ length: 40 }, () => stream(body)));
    const refused = readers.filter(({ status }) => status === 503);
    // One caller has three of four places, and 24 of the 32 in the line.
    expect(refused).toHaveLength(40 - 3 - 24);
    for (const { headers } of refused) expect(headers.get("retry-after")).toMatch(/^\d+$/);
    for (const reader of readers) reader.leave();
    await expect.poll(load, { timeout: 3_000 }).toMatchObject({ held: 0, waiting: 0 });
  });
});

describe("a fault after the headers is the last event, in OpenAI's form", () => {
  it.each([
    ["/v1/answer", { question: "Is zinc blue?" }],
    [
      "/v1/chat/completions",
      { model: "replay", stream: true, messages: [{ role: "user", content: "Is zinc blue?" }] },
    ],
  ])("%s", async (path, body) => {
    const events = await allEvents(await openEvents(`${worker.url}${path}`, body));
    expect(events.map(({ name }) => name)).toEqual(["error"]);
    expect(JSON.parse(events[0]?.data ?? "")).toEqual({
      error: {
        message: expect.stringMatching(/examples\/recorded/),
        type: "not_found_error",
        code: "question_not_recorded",
        param: null,
      },
    });
  });
});

/** A question whose candidates end many seconds apart. */
function long() {
  const found = recordings("pubmedqa").find(({ candidates }) => candidates.length === 32);
  if (found === undefined) throw new Error("no recording with 32 candidates");
  return found;
}

describe("a client that leaves", () => {
  /** Milliseconds until the LLM's server saw its request end and nothing is held any more. */
  async function untilAllIsQuiet(): Promise<number> {
    const began = performance.now();
    const quiet = async () => (await replay.stats()).inFlight === 0 && (await load()).held === 0;
    while (!(await quiet())) await new Promise((resolve) => setTimeout(resolve, 20));
    return performance.now() - began;
  }

  it.each([0, 300, 600])(
    "stops the LLM and the scoring within two seconds (%i ms into a silence)",
    async (silentMs) => {
      const reader = await stream({ ...ask(long()), k: 32 });
      for await (const { name } of reader.events()) {
        expect(name).toBe("candidate");
        await new Promise((resolve) => setTimeout(resolve, silentMs));
        reader.leave();
        break;
      }
      expect(await untilAllIsQuiet()).toBeLessThan(2_000);
      const stats = await replay.stats();
      expect(stats).toMatchObject({ requests: 1, abortedConnections: 1, choicesStarted: 32 });
      expect(stats.choicesFinished).toBeLessThan(32);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect((await replay.stats()).streamedBytes).toBe(stats.streamedBytes);
    },
  );

  it("before the LLM has said a word, too", async () => {
    await replay.fail("hang-before-headers", 1);
    const reader = await stream({ ...ask(recording("mcq")), k: 8 });
    const reading = allEvents(reader).catch(() => []);
    await expect.poll(() => reader.comments, { timeout: 4_000 }).toBeGreaterThanOrEqual(2);
    reader.leave();
    await reading;
    expect(await untilAllIsQuiet()).toBeLessThan(2_000);
    expect(await replay.stats()).toMatchObject({ requests: 1, abortedConnections: 1 });
  });

  it("is a line in the log of its own, written at the end", async () => {
    const body = { ...ask(recording("yesno")), max_tokens: 8, k: 2 };
    const [whole, broken] = await Promise.all([stream(body), stream({ ...ask(long()), k: 32 })]);
    for await (const _ of broken.events()) break;
    await allEvents(whole);
    await untilAllIsQuiet();
    const line = ({ headers }: { headers: Headers }) =>
      readFileSync(worker.log, "utf8")
        .split("\n")
        .filter((text) => text.startsWith('{"event":"request"'))
        .map((text) => JSON.parse(text))
        .filter(({ id }) => id === headers.get("x-request-id"));
    await expect.poll(() => line(broken)).toMatchObject([{ problem: "client_closed" }]);
    const [entry, ...others] = line(whole);
    expect(entry).toMatchObject({ route: "/v1/answer", status: 200, k: 2, scored: 2 });
    expect(entry.ms).toBeGreaterThan(1_000);
    expect(others).toEqual([]);
  });
});

describe("the OpenAI SDK", () => {
  const { question, options, context } = recording("pubmedqa");
  const body = {
    model: "replay",
    messages: [{ role: "user" as const, content: question }],
    stream: true as const,
    ...short,
  };
  const extras = { options, context, task: "pubmedqa", k: 3 };

  async function chunksOf(more: object): Promise<Chunk[]> {
    const chunks: unknown[] = [];
    for await (const chunk of await client.chat.completions.create({ ...body, ...more })) {
      chunks.push(chunk);
    }
    return chunks as Chunk[];
  }

  it("gets the best text in chunks, the details with the last, the usage if asked for", async () => {
    const chunks = await chunksOf({
      stream_options: { include_usage: true },
      medadapter: extras,
    });
    expect(chunks.every(({ object }) => object === "chat.completion.chunk")).toBe(true);
    const last = chunks.at(-2);
    expect(last?.choices[0]?.finish_reason).toMatch(/^(stop|length)$/);
    expect(last?.medadapter).toMatchObject({ task: "pubmedqa", abstained: false });
    expect(textOf(chunks)).toBe(last?.medadapter?.candidates?.[0]?.text);
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { total_tokens: last?.medadapter?.usage.total_tokens },
    });
  });

  it("gets the n best as choices, and a candidate's event each if asked for", async () => {
    const chunks = await chunksOf({ n: 2, medadapter: { ...extras, events: true } });
    const candidates = chunks.filter(({ object }) => object === "medadapter.candidate");
    expect(candidates).toHaveLength(3);
    expect(chunks.indexOf(candidates.at(-1) as Chunk)).toBe(2);
    const ranked = chunks.at(-1)?.medadapter?.candidates ?? [];
    expect(textOf(chunks, 0)).toBe(ranked[0]?.text);
    expect(textOf(chunks, 1)).toBe(ranked[1]?.text);
    expect(textOf(chunks, 2)).toBe("");
    expect(chunks.some(({ usage }) => usage !== undefined)).toBe(false);
  });

  it("gets the configured sentence where the service abstains", async () => {
    const abstain = { target_error: 1e-9 };
    const chunks = await chunksOf({ n: 2, medadapter: { ...extras, abstain } });
    expect(textOf(chunks)).toMatch(/not sure/);
    expect(textOf(chunks, 1)).toBe("");
    expect(chunks.at(-1)).toMatchObject({
      choices: [{ finish_reason: "stop" }],
      medadapter: { abstained: true, answer: null, abstained_reason: "no_confidence" },
    });
  });

  it("puts the completion together with its own helper", async () => {
    const helper = client.chat.completions.stream({ ...body, medadapter: extras } as typeof body);
    const completion = await helper.finalChatCompletion();
    expect(completion.choices[0]?.message.content).toEqual(expect.any(String));
    expect(completion).toMatchObject({ medadapter: { task: "pubmedqa" } });
  });

  it("throws its own errors: before the first byte by status, after it as the event says", async () => {
    await expect(chunksOf({ medadapter: { k: 99 } })).rejects.toMatchObject({
      constructor: OpenAI.BadRequestError,
      param: "medadapter.k",
    });
    await replay.fail("401", 1);
    await expect(chunksOf({ medadapter: extras })).rejects.toMatchObject({
      constructor: OpenAI.APIError,
      code: "upstream_unauthorized",
    });
  });

  it("stops the LLM when its stream is broken off", async () => {
    const { question, ...rest } = ask(long());
    const messages = [{ role: "user" as const, content: question }];
    const medadapter = { ...rest, k: 32, events: true };
    const sent = { model: "replay", messages, stream: true as const, medadapter };
    for await (const _ of await client.chat.completions.create(sent)) break;
    await expect.poll(replay.stats, { timeout: 2_000 }).toMatchObject({ inFlight: 0 });
    expect(await replay.stats()).toMatchObject({ abortedConnections: 1 });
  });
});
