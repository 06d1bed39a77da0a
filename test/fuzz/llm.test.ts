/** What an LLM's endpoint may send: any bytes, good streams cut anywhere, events that are no chunks. */
import fc from "fast-check";
import { expect } from "vitest";
import type { GenerateEvent } from "../../src/llm/generator.ts";
import { readChunk } from "../../src/llm/openai/chunk.ts";
import { openAIGenerator } from "../../src/llm/openai/generator.ts";
import { ProviderMemory } from "../../src/llm/openai/providerMemory.ts";
import { withoutThinking } from "../../src/tasks/thinking.ts";
import { part } from "../llm/provider.ts";
import { fuzz } from "./fuzz.ts";
import { anyText } from "./texts.ts";

const N = 3;
const ENDS = ["stop", "length", "content_filter", "other", "error", null];
const FAILURES = ["timeout", "cut_stream", "malformed", "no_choices", "too_large", "server_error"];
const utf8 = new TextEncoder();

/** All events of one request to an endpoint that sends these pieces, then ends. */
async function eventsOf(pieces: readonly Uint8Array[]): Promise<GenerateEvent[]> {
  const llm = openAIGenerator({
    baseUrl: "http://llm.example/v1",
    apiKey: null,
    model: "m",
    memory: new ProviderMemory(),
    maxRetries: 0,
    fetch: async () => {
      const body = new ReadableStream<Uint8Array>({
        start(stream) {
          for (const piece of pieces) stream.enqueue(piece.slice());
          stream.close();
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  });
  const events: GenerateEvent[] = [];
  const messages = [{ role: "user" as const, content: "q" }];
  const signal = new AbortController().signal;
  for await (const event of llm.generate({ messages, n: N, signal, deadlineMs: 5_000 })) {
    events.push(event);
  }
  return events;
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = at.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.slice(from, places[i] ?? bytes.length));
}

const chunkLike = fc.oneof(
  fc
    .tuple(anyText, fc.constantFrom(null, "stop", "length", "odd"), fc.integer({ min: -1, max: 4 }))
    .map(([text, end, index]) => part(text, end, index)),
  fc.jsonValue({ maxDepth: 3 }),
);
const event = fc.oneof(
  { weight: 4, arbitrary: chunkLike.map((value) => `data: ${JSON.stringify(value)}\n\n`) },
  fc.constantFrom(
    "data: [DONE]\n\n",
    ": comment\n\n",
    "data: {\n\n",
    "event: x\ndata: 1\n\n",
    "\r",
  ),
  anyText,
);

fuzz(
  "any stream ends in candidates and failures that are known, each number once, then usage",
  0.01,
  fc.record({
    body: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.array(event, { maxLength: 8 }).map((all) => utf8.encode(all.join(""))),
      },
      fc.uint8Array({ maxLength: 64 }),
    ),
    at: fc.array(fc.nat(400), { maxLength: 5 }),
  }),
  async ({ body, at }) => {
    const events = await eventsOf(cut(body, at));
    expect(events.at(-1)?.kind).toBe("usage");
    const numbers: number[] = [];
    for (const one of events) {
      if (one.kind === "candidate") numbers.push(one.candidate.index);
      if (one.kind !== "failed") continue;
      expect(FAILURES).toContain(one.reason);
      if (one.index !== null) numbers.push(one.index);
    }
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const number of numbers) expect(number >= 0 && number < N).toBe(true);
    expect(events.filter(({ kind }) => kind !== "usage")).toHaveLength(N);
  },
);

fuzz(
  "a good stream gives the same candidates however it is cut",
  0.005,
  fc.record({
    texts: fc.array(
      anyText.map((text) => text.toWellFormed()),
      { minLength: N, maxLength: N },
    ),
    at: fc.array(fc.nat(2_000), { maxLength: 8 }),
  }),
  async ({ texts, at }) => {
    const begun = texts.map((text, index) => part(text, null, index));
    const ended = texts.map((_, index) => part("", "stop", index));
    const lines = [...begun, ...ended].map((value) => `data: ${JSON.stringify(value)}\n\n`);
    const events = await eventsOf(cut(utf8.encode(`${lines.join("")}data: [DONE]\n\n`), at));
    const got = events.flatMap((one) => (one.kind === "candidate" ? [one.candidate] : []));
    const said = texts.map((text) => withoutThinking(text).text);
    expect(got.toSorted((a, b) => a.index - b.index).map(({ text }) => text)).toEqual(said);
  },
);

fuzz("a chunk is read into numbered parts, or not at all", 0.08, chunkLike, (value) => {
  const chunk = readChunk(value);
  for (const { index, content, end } of chunk?.parts ?? []) {
    expect(Number.isInteger(index) && index >= 0).toBe(true);
    expect(content).toBeTypeOf("string");
    expect(ENDS).toContain(end);
  }
});
