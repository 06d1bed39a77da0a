/** The small parts between wire and SDK: event guard, Retry-After, provider memory. */
import { describe, expect, it } from "vitest";
import { EventTooLarge, type Passed, sseGuard } from "../../src/llm/openai/guardedFetch.ts";
import { ProviderMemory } from "../../src/llm/openai/providerMemory.ts";
import { retryAfterSeconds } from "../../src/net/response.ts";

/** Pipes text through the guard in pieces of `size` bytes. */
async function through(text: string, size: number, maxEventBytes: number): Promise<Passed> {
  const passed: Passed = { bytes: 0, sawDone: false };
  const bytes = new TextEncoder().encode(text);
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) {
        controller.enqueue(bytes.slice(at, at + size));
      }
      controller.close();
    },
  });
  const out = await new Response(source.pipeThrough(sseGuard(passed, maxEventBytes))).text();
  expect(out).toBe(text);
  return passed;
}

describe("the event guard", () => {
  it("sees the end mark, however it is cut and whatever ends its line", async () => {
    for (const end of ["\n\n", "\r\n\r\n", "\r\r", "\n", ""]) {
      for (const mark of ["data: [DONE]", "data:[DONE]"]) {
        for (const size of [1, 2, 3, 1_000]) {
          const { sawDone } = await through(`data: {}\n\n${mark}${end}`, size, 100);
          expect(sawDone).toBe(true);
        }
      }
    }
  });

  it("takes no other line for the end mark", async () => {
    for (const line of [
      'data: {"content":"data: [DONE]"}',
      "data: [DONE] ",
      ": [DONE]",
      "[DONE]",
    ]) {
      expect((await through(`${line}\n\n`, 5, 100)).sawDone).toBe(false);
    }
  });

  it("lets any number of events pass, and none that is over the limit", async () => {
    const event = `data: ${"x".repeat(80)}\n\n`;
    await through(event.repeat(50), 7, 100);
    await through(event.replaceAll("\n", "\r\n").repeat(50), 7, 100);
    await expect(through(`data: ${"x".repeat(100)}`, 7, 100)).rejects.toThrow(EventTooLarge);
    const lines = `data: ${"x".repeat(30)}\n`.repeat(4);
    await expect(through(lines, 7, 100)).rejects.toThrow(EventTooLarge);
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
  it("keeps what it learnt by address and model, and forgets the longest known past 256", () => {
    const memory = new ProviderMemory();
    memory.learn("a", "m", { maxN: 1 });
    memory.learn("a", "m", { streamUsage: false });
    expect(memory.traits("a", "m")).toMatchObject({ maxN: 1, streamUsage: false });
    expect(memory.traits("b", "m").maxN).toBe(Number.POSITIVE_INFINITY);
    for (let i = 0; i < 256; i += 1) memory.learn("c", `${i}`, { maxN: 2 });
    expect(memory.traits("a", "m").maxN).toBe(Number.POSITIVE_INFINITY);
    expect(memory.traits("c", "255").maxN).toBe(2);
  });
});
