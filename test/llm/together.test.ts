/** n candidates in one streamed call: what comes, when, and what it cost. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  ask,
  collect,
  generatorOn,
  IRON,
  type ReplayUnderTest,
  recorded,
  replayUnderTest,
  texts,
  VALVE,
} from "./replay.ts";

let replay: ReplayUnderTest;
beforeAll(async () => {
  replay = await replayUnderTest();
});
beforeEach(() => replay.reset());
afterAll(() => replay.close());

describe("one call for n candidates", () => {
  it("brings each recorded text whole, under its own index, from one request", async () => {
    const outcome = await collect(generatorOn(replay.url).generate(ask(8)));
    expect(texts(outcome.candidates)).toEqual(recorded(8));
    expect(outcome.candidates.every(({ state }) => state === "complete")).toBe(true);
    expect(outcome.failed).toEqual([]);
    expect(outcome.usage).toMatchObject({ requests: 1, mode: "n" });
    expect(await replay.stats()).toMatchObject({ requests: 1, choicesFinished: 8 });
  });

  it("goes on counting where an earlier wave ended, together and one by one", async () => {
    const together = await collect(generatorOn(replay.url).generate(ask(2, { first: 3 })));
    expect(texts(together.candidates)).toEqual(recorded(5).slice(3));
    expect(together.candidates.map(({ index }) => index).sort()).toEqual([3, 4]);
    await replay.reset();
    replay.plan.set("refuse-n");
    const alone = await collect(generatorOn(replay.url).generate(ask(2, { first: 3 })));
    expect(texts(alone.candidates)).toEqual(recorded(5).slice(3));
    expect(alone.usage).toMatchObject({ mode: "parallel" });
    const past = await collect(generatorOn(replay.url).generate(ask(2, { first: 8 })));
    expect(past.reasons).toEqual({ 8: "not_recorded", 9: "not_recorded" });
  });

  it("asks for one candidate with one request", async () => {
    const outcome = await collect(generatorOn(replay.url).generate(ask(1)));
    expect(texts(outcome.candidates)).toEqual(recorded(1));
    expect(outcome.usage).toMatchObject({ requests: 1, mode: "n" });
  });

  it("yields a candidate while others are still being written", async () => {
    const paced = await replayUnderTest({ firstTokenMs: 20, tokensPerSecond: 60 });
    const arrivals: { index: number; finishedAtServer: number }[] = [];
    for await (const event of generatorOn(paced.url).generate(ask(8))) {
      if (event.kind !== "candidate") continue;
      const { choicesFinished } = await paced.stats();
      arrivals.push({ index: event.candidate.index, finishedAtServer: choicesFinished });
    }
    await paced.close();
    expect(arrivals).toHaveLength(8);
    expect(arrivals[0]?.finishedAtServer).toBeLessThan(8);
    expect(arrivals.map(({ index }) => index)).not.toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("counts tokens as the provider reports them, the prompt once", async () => {
    const four = await collect(
      generatorOn(replay.url).generate(ask(4, { question: VALVE.question })),
    );
    const one = await collect(
      generatorOn(replay.url).generate(ask(1, { question: VALVE.question })),
    );
    expect(four.usage.usage.promptTokens).toBe(one.usage.usage.promptTokens);
    expect(four.usage.usage.promptTokens).toBeGreaterThan(20);
    expect(four.usage.usage.completionTokens).toBeGreaterThan(2 * one.usage.usage.completionTokens);
  });

  it("takes choices that come one after the other", async () => {
    replay.plan.set("sequential");
    const outcome = await collect(generatorOn(replay.url).generate(ask(5)));
    expect(outcome.candidates.map(({ text }) => text)).toEqual(recorded(5));
    expect(outcome.usage).toMatchObject({ requests: 1, mode: "n" });
  });

  it("takes a stream that never says why a choice ended, when it ends with [DONE]", async () => {
    replay.plan.set("no-finish");
    const { candidates } = await collect(generatorOn(replay.url).generate(ask(3)));
    expect(texts(candidates)).toEqual(recorded(3));
    expect(candidates.map(({ finishReason }) => finishReason)).toEqual(["other", "other", "other"]);
  });

  it("marks a candidate that the token limit cut, one that a filter cut, and an empty one", async () => {
    const marks = async (mode: "finish-length" | "content-filter" | "empty-text") => {
      replay.plan.set(mode);
      const { candidates } = await collect(generatorOn(replay.url).generate(ask(2)));
      return candidates
        .toSorted((a, b) => a.index - b.index)
        .map(({ state, finishReason }) => `${state} ${finishReason}`);
    };
    expect(await marks("finish-length")).toEqual(["cut length", "complete stop"]);
    expect(await marks("content-filter")).toEqual(["cut content_filter", "complete stop"]);
    expect(await marks("empty-text")).toEqual(["empty stop", "complete stop"]);
  });

  it("hands maxTokens to the provider", async () => {
    const { candidates } = await collect(
      generatorOn(replay.url).generate(ask(2, { maxTokens: 5 })),
    );
    expect(candidates.map(({ state }) => state)).toEqual(["cut", "cut"]);
    expect(IRON.candidates[0]?.text.startsWith(candidates[0]?.text ?? "-")).toBe(true);
  });

  it("keeps twenty requests at once apart", async () => {
    const generator = generatorOn(replay.url);
    const rounds = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const question = i % 2 === 0 ? IRON.question : VALVE.question;
        const { candidates } = await collect(generator.generate(ask(4, { question })));
        return texts(candidates);
      }),
    );
    for (const [i, got] of rounds.entries()) {
      expect(got).toEqual(recorded(4, i % 2 === 0 ? IRON : VALVE));
    }
  });
});
