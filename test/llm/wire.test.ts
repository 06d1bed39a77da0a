/** The small parts between the wire and a call: reader of values, Retry-After, provider memory. */
import { describe, expect, it, vi } from "vitest";
import { EventTooLarge, NotJson, ValueReader } from "../../src/llm/openai/events.ts";
import { ProviderMemory } from "../../src/llm/openai/providerMemory.ts";
import { retryAfterSeconds } from "../../src/net/response.ts";

/** Reads a body in pieces of `size` bytes. */
function read(body: string | Uint8Array, size: number, maxBytes?: number) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const reader = new ValueReader(maxBytes);
  const values: unknown[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    values.push(...reader.read(bytes.subarray(at, at + size)).map(({ value }) => value));
  }
  values.push(...reader.end().map(({ value }) => value));
  if (reader.fault !== null) throw reader.fault;
  return { values, sawDone: reader.sawDone };
}

const sizes = [1, 2, 3, 7, 10_000];

describe("a body", () => {
  it.each([
    ["events", 'data: {"a": 1}\n\ndata: {"b": 2}\n\ndata: [DONE]\n\n', true],
    ["no space behind the colon", 'data:{"a": 1}\n\ndata:{"b": 2}\n\ndata:[DONE]\n\n', true],
    ["CRLF", 'data: {"a": 1}\r\n\r\ndata: {"b": 2}\r\n\r\ndata: [DONE]\r\n\r\n', true],
    ["CR alone", 'data: {"a": 1}\r\rdata: {"b": 2}\r\rdata: [DONE]\r\r', true],
    ["a byte order mark", '\ufeffdata: {"a": 1}\n\ndata: {"b": 2}\n\n', false],
    ["comments", ': hello\n\ndata: {"a": 1}\n\n: ping\n\ndata: {"b": 2}\n\n', false],
    ["empty data", 'data:\n\ndata: {"a": 1}\n\ndata: \n\ndata: {"b": 2}\n\n', false],
    ["event names", 'event: x\ndata: {"a": 1}\n\nevent: y\ndata: {"b": 2}\n\n', false],
    ["ids and retry", 'id: 7\nretry: 10\ndata: {"a": 1}\n\ndata: {"b": 2}\n\n', false],
    ["a value over two lines", 'data: {"a":\ndata: 1}\n\ndata: {"b": 2}\n\n', false],
    ["no empty line between", 'data: {"a": 1}\ndata: {"b": 2}\ndata: [DONE]\n\n', true],
    ["no empty line at the end", 'data: {"a": 1}\n\ndata: {"b": 2}\n\ndata: [DONE]', true],
    ["JSON lines", '{"a": 1}\n{"b": 2}\n', false],
    ["JSON lines without a last line end", '{"a": 1}\n\n{"b": 2}', false],
    ["JSON lines and an end mark", '{"a": 1}\n{"b": 2}\n[DONE]\n', true],
  ] as const)("with %s is read, however it is cut", (_, body, done) => {
    for (const size of sizes) {
      const { values, sawDone } = read(body, size);
      expect(values).toEqual([{ a: 1 }, { b: 2 }]);
      expect(sawDone).toBe(done);
    }
  });

  it.each([
    ["on one line", '{"a": {"b": [1, 2]}}'],
    ["over several", '{\n  "a": {\n    "b": [1, 2]\n  }\n}\n'],
    ["behind white space and a mark", '\ufeff\n  {"a": {"b": [1, 2]}}'],
  ])("of one JSON text %s is one value", (_, body) => {
    for (const size of sizes) expect(read(body, size).values).toEqual([{ a: { b: [1, 2] } }]);
  });

  it("gives a line of JSON as soon as it ends", () => {
    const reader = new ValueReader();
    const of = (text: string) =>
      reader.read(new TextEncoder().encode(text)).map(({ value }) => value);
    expect([of('{"a": 1'), of('}\n{"b"'), of(": 2}\n")]).toEqual([[], [{ a: 1 }], [{ b: 2 }]]);
  });

  it("of one JSON text is parsed at its end, not at every line", () => {
    const parse = vi.spyOn(JSON, "parse");
    try {
      const rows = Array.from({ length: 2000 }, (_, at) => at);
      expect(read(JSON.stringify(rows, null, 1), 16).values).toEqual([rows]);
      expect(parse.mock.calls.length).toBeLessThanOrEqual(3);
    } finally {
      parse.mockRestore();
    }
  });

  it("keeps characters whole that are cut between pieces", () => {
    const text = "β-blocker – naïve 😀";
    const { values } = read(`data: ${JSON.stringify({ text })}\n\n`, 1);
    expect(values).toEqual([{ text }]);
  });

  it("takes nothing else for the end mark", () => {
    for (const line of ['data: {"a": "[DONE]"}', ": [DONE]", "event: [DONE]"]) {
      expect(read(`${line}\n\n`, 5).sawDone).toBe(false);
    }
  });

  it("that is no JSON is refused", () => {
    expect(() => read("data: {no}\n\n", 100)).toThrow(NotJson);
    expect(() => read("{no", 100)).toThrow(NotJson);
    expect(() => read('{"a": 1}\n{no}\n{"b": 2}\n', 100)).toThrow(NotJson);
    // Nothing to read, which its caller tells by the bytes.
    expect(read("<!doctype html><p>Sorry</p>", 100).values).toEqual([]);
  });

  it("lets any number of events pass, and none that is over the limit", () => {
    const event = `data: ${JSON.stringify("x".repeat(70))}\n\n`;
    expect(read(event.repeat(50), 7, 100).values).toHaveLength(50);
    expect(read(event.replaceAll("\n", "\r\n").repeat(50), 7, 100).values).toHaveLength(50);
    expect(() => read(`data: ${"x".repeat(100)}`, 7, 100)).toThrow(EventTooLarge);
    expect(() => read(`data: ${"x".repeat(30)}\n`.repeat(4), 7, 100)).toThrow(EventTooLarge);
    expect(() => read(`{"a": "${"x".repeat(100)}"}`, 7, 100)).toThrow(EventTooLarge);
  });
});

describe("Retry-After", () => {
  const of = (headers: Record<string, string>) => retryAfterSeconds(new Headers(headers));

  it("is read as seconds, milliseconds or a date, rounded up", () => {
    expect(of({ "retry-after": "7" })).toBe(7);
    expect(of({ "retry-after": "0.2" })).toBe(1);
    expect(of({ "retry-after-ms": "1500", "retry-after": "9" })).toBe(2);
    const inAMinute = of({ "retry-after": new Date(Date.now() + 60_000).toUTCString() });
    expect(inAMinute).toBeGreaterThanOrEqual(59);
    expect(inAMinute).toBeLessThanOrEqual(60);
  });

  it("is bounded, never negative, and absent where unreadable", () => {
    expect(of({ "retry-after": "9999999999" })).toBe(86_400);
    expect(of({ "retry-after": "Mon, 01 Jan 2001 00:00:00 GMT" })).toBe(0);
    expect(of({})).toBeUndefined();
    expect(of({ "retry-after": "soon" })).toBeUndefined();
  });
});

describe("the provider memory", () => {
  const of = (model: string, greedy = false) => ({ baseUrl: "a", model, greedy });

  it("keeps what it learnt by address, model and temperature, for ten minutes", () => {
    let now = 0;
    const memory = new ProviderMemory({}, () => now);
    memory.learn(of("m"), { maxN: 1 });
    memory.learn(of("m"), { streamUsage: false });
    expect(memory.traits(of("m"))).toMatchObject({ maxN: 1, streamUsage: false });
    expect(memory.traits({ ...of("m"), baseUrl: "b" }).maxN).toBe(Number.POSITIVE_INFINITY);
    expect(memory.traits(of("m", true)).maxN).toBe(Number.POSITIVE_INFINITY);
    now += 10 * 60_000;
    expect(memory.traits(of("m")).maxN).toBe(Number.POSITIVE_INFINITY);
  });

  it("learns from an odd reply only when it comes again soon", () => {
    let now = 0;
    const memory = new ProviderMemory({}, () => now);
    memory.suspect(of("m"), { maxN: 1 });
    expect(memory.traits(of("m")).maxN).toBe(Number.POSITIVE_INFINITY);
    now += 11 * 60_000;
    memory.suspect(of("m"), { maxN: 1 });
    expect(memory.traits(of("m")).maxN).toBe(Number.POSITIVE_INFINITY);
    memory.suspect(of("m"), { maxN: 1 });
    expect(memory.traits(of("m")).maxN).toBe(1);
  });

  it("forgets the longest known past 256", () => {
    const memory = new ProviderMemory();
    memory.learn(of("m"), { maxN: 1 });
    for (let i = 0; i < 256; i += 1) memory.learn(of(`${i}`), { maxN: 2 });
    expect(memory.traits(of("m")).maxN).toBe(Number.POSITIVE_INFINITY);
    expect(memory.traits(of("255")).maxN).toBe(2);
  });

  it("knows which models want max_completion_tokens", () => {
    const memory = new ProviderMemory();
    const name = (model: string) => memory.traits(of(model)).tokenLimitName;
    for (const model of ["o1", "o4-mini", "gpt-5", "gpt-5-nano", "openai/gpt-5.1"]) {
      expect(name(model)).toBe("max_completion_tokens");
    }
    for (const model of ["gpt-4.1", "gpt-4o", "llama-3", "phi-o3x", "gpt-oss-20b"]) {
      expect(name(model)).toBe("max_tokens");
    }
  });
});
