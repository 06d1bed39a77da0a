/** Deadline, abort, early return, and candidates without end: calls stop, and memory stays small. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  ask,
  collect,
  eventually,
  generatorOn,
  type ReplayUnderTest,
  recorded,
  replayUnderTest,
} from "./replay.ts";

let replay: ReplayUnderTest;
let slow: ReplayUnderTest;
beforeAll(async () => {
  replay = await replayUnderTest();
  slow = await replayUnderTest({ firstTokenMs: 50, tokensPerSecond: 20 });
});
beforeEach(() => Promise.all([replay.reset(), slow.reset()]));
afterAll(() => Promise.all([replay.close(), slow.close()]));

describe("the deadline", () => {
  it("ends a call that never answers", async () => {
    replay.plan.set("hang-before-headers");
    const startedAt = Date.now();
    const generator = generatorOn(replay.url, { maxRetries: 2 });
    const { reasons, usage } = await collect(generator.generate(ask(2, { deadlineMs: 300 })));
    expect(reasons).toEqual({ 0: "timeout", 1: "timeout" });
    expect(usage.requests).toBe(1);
    expect(Date.now() - startedAt).toBeLessThan(4_000);
    expect(await eventually(async () => (await replay.stats()).abortedConnections === 1)).toBe(
      true,
    );
  });

  it("may be any number of milliseconds, a fraction or one that no timer holds", async () => {
    const { candidates } = await collect(
      generatorOn(replay.url).generate(ask(2, { deadlineMs: 2 ** 40 })),
    );
    expect(candidates).toHaveLength(2);
    replay.plan.set("hang-before-headers");
    const { reasons } = await collect(
      generatorOn(replay.url).generate(ask(1, { deadlineMs: 99.5 })),
    );
    expect(reasons).toEqual({ 0: "timeout" });
  });

  it("is for all parallel calls together", async () => {
    slow.plan.set("refuse-n");
    const startedAt = Date.now();
    const { reasons } = await collect(generatorOn(slow.url).generate(ask(8, { deadlineMs: 400 })));
    expect(Object.values(reasons)).toEqual(Array(8).fill("timeout"));
    expect(Date.now() - startedAt).toBeLessThan(4_000);
    expect((await slow.stats()).requests).toBeLessThanOrEqual(6);
  });
});

describe("the caller's signal", () => {
  it("ends the call and fails what has not come", async () => {
    const leaving = new AbortController();
    setTimeout(() => leaving.abort(), 150);
    const { reasons } = await collect(
      generatorOn(slow.url).generate(ask(3, { signal: leaving.signal })),
    );
    expect(reasons).toEqual({ 0: "aborted", 1: "aborted", 2: "aborted" });
    expect(await eventually(async () => (await slow.stats()).abortedConnections === 1)).toBe(true);
  });

  it("that fired before makes no call", async () => {
    const { reasons } = await collect(
      generatorOn(replay.url).generate(ask(2, { signal: AbortSignal.abort() })),
    );
    expect(reasons).toEqual({ 0: "aborted", 1: "aborted" });
    expect((await replay.stats()).requests).toBe(0);
  });
});

describe("a consumer that stops reading", () => {
  it("ends the one call", async () => {
    for await (const event of generatorOn(slow.url).generate(ask(8))) {
      if (event.kind === "candidate") break;
    }
    expect(await eventually(async () => (await slow.stats()).abortedConnections === 1)).toBe(true);
    expect(await slow.stats()).toMatchObject({ requests: 1, inFlight: 0 });
  });

  it("ends every parallel call and starts no more", async () => {
    slow.plan.set("refuse-n");
    for await (const event of generatorOn(slow.url).generate(ask(12))) {
      if (event.kind === "candidate") break;
    }
    expect(await eventually(async () => (await slow.stats()).inFlight === 0)).toBe(true);
    const { requests, abortedConnections } = await slow.stats();
    expect(abortedConnections).toBeGreaterThanOrEqual(3);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await slow.stats()).requests).toBe(requests);
  });
});

describe("a candidate of 20 MB", () => {
  it("is given up at 256 KiB; the others are kept and the rest is not read", async () => {
    replay.plan.set("huge-candidate");
    const before = process.memoryUsage().rss;
    const { candidates, reasons } = await collect(generatorOn(replay.url).generate(ask(4)));
    const grownMB = (process.memoryUsage().rss - before) / 2 ** 20;
    expect(reasons).toEqual({ 3: "too_large" });
    expect(candidates.map(({ text }) => text).toSorted()).toEqual(recorded(3).toSorted());
    const { streamedBytes } = await replay.stats();
    expect(streamedBytes).toBeLessThan(8 * 2 ** 20);
    // Client and server share this process; 20 MB held once would be 40 MB of JavaScript text.
    expect(grownMB).toBeLessThan(60);
  });

  it("alone is given up as well", async () => {
    replay.plan.set("huge-candidate");
    const { reasons } = await collect(generatorOn(replay.url).generate(ask(1)));
    expect(reasons).toEqual({ 0: "too_large" });
  });

  it("in one event ends the call: the event is not held, and nothing can be read past it", async () => {
    replay.plan.set("huge-event");
    const { reasons } = await collect(generatorOn(replay.url).generate(ask(4)));
    expect(Object.values(reasons)).toEqual(Array(4).fill("too_large"));
  });
});
