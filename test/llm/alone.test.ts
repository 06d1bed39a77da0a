/** Providers without n: candidates come from parallel calls for one each. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ProviderMemory } from "../../src/llm/openai/providerMemory.ts";
import {
  ask,
  collect,
  generatorOn,
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

describe("a provider that refuses n", () => {
  it("is asked for one candidate at a time, and each is a different one", async () => {
    replay.plan.set("refuse-n");
    const outcome = await collect(generatorOn(replay.url).generate(ask(8)));
    expect(texts(outcome.candidates)).toEqual(recorded(8));
    expect(outcome.failed).toEqual([]);
    expect(outcome.usage).toMatchObject({ requests: 9, mode: "parallel" });
  });

  it("is not asked with that n again, by any generator with the same memory", async () => {
    replay.plan.set("refuse-n");
    const memory = new ProviderMemory();
    await collect(generatorOn(replay.url, { memory }).generate(ask(8)));
    const again = await collect(generatorOn(replay.url, { memory }).generate(ask(8)));
    expect(again.usage).toMatchObject({ requests: 8, mode: "parallel" });
    const otherModel = generatorOn(replay.url, { memory, model: "other" });
    expect((await collect(otherModel.generate(ask(2)))).usage.requests).toBe(3);
  });

  it("is still asked with a smaller n, which it may take", async () => {
    const memory = new ProviderMemory();
    replay.plan.set("refuse-n", 1);
    await collect(generatorOn(replay.url, { memory }).generate(ask(8)));
    const fewer = await collect(generatorOn(replay.url, { memory }).generate(ask(4)));
    expect(fewer.usage).toMatchObject({ requests: 1, mode: "n" });
    expect(texts(fewer.candidates)).toEqual(recorded(4));
  });

  it("sums the usage of all calls: the prompt is paid for each time", async () => {
    const together = await collect(generatorOn(replay.url).generate(ask(4)));
    replay.plan.set("refuse-n");
    const alone = await collect(generatorOn(replay.url).generate(ask(4)));
    expect(alone.usage.usage).toEqual({
      promptTokens: 4 * together.usage.usage.promptTokens,
      completionTokens: together.usage.usage.completionTokens,
    });
  });
});

describe("a provider that ignores n", () => {
  it("has its one candidate kept and is asked for the rest one by one", async () => {
    replay.plan.set("ignore-n");
    const memory = new ProviderMemory();
    const first = await collect(generatorOn(replay.url, { memory }).generate(ask(5)));
    expect(texts(first.candidates)).toEqual(recorded(5));
    expect(first.usage).toMatchObject({ requests: 5, mode: "parallel" });
    // Once may be chance. The second time it is taken for a habit.
    await collect(generatorOn(replay.url, { memory }).generate(ask(2)));
    const third = await collect(generatorOn(replay.url, { memory }).generate(ask(2)));
    expect(third.usage).toMatchObject({ requests: 2, mode: "parallel" });
    expect(await replay.stats()).toMatchObject({ requests: 5 + 2 + 2 });
  });
});

describe("a provider that sends every choice under index 0", () => {
  it("never yields two texts run into one another", async () => {
    replay.plan.set("duplicate-indices");
    const outcome = await collect(generatorOn(replay.url).generate(ask(8)));
    expect(texts(outcome.candidates)).toEqual(recorded(8));
    expect(outcome.usage.mode).toBe("parallel");
  });
});

describe("parallel calls", () => {
  it("are five at once at most", async () => {
    const paced = await replayUnderTest({ firstTokenMs: 60, tokensPerSecond: 400 });
    paced.plan.set("refuse-n");
    const { candidates } = await collect(generatorOn(paced.url).generate(ask(8)));
    const { maxInFlight } = await paced.stats();
    await paced.close();
    expect(texts(candidates)).toEqual(recorded(8));
    expect(maxInFlight).toBe(5);
  });

  it("let the others through when one fails, and when all but one fail", async () => {
    const memory = new ProviderMemory();
    memory.learn({ baseUrl: replay.url, model: "replay", greedy: false }, { maxN: 1 });
    const generator = generatorOn(replay.url, { memory });
    replay.plan.set("fail-one-of-k");
    const one = await collect(generator.generate(ask(8)));
    expect(one.reasons).toEqual({ 1: "server_error" });
    expect(one.failed[0]?.status).toBe(500);
    expect(one.candidates).toHaveLength(7);
    replay.plan.set("fail-all-but-one");
    const most = await collect(generator.generate(ask(8)));
    expect(texts(most.candidates)).toEqual(recorded(1));
    expect(most.failed).toHaveLength(7);
  });

  it("bring what is recorded, then say that the rest is not, after one more try each", async () => {
    const outcome = await collect(
      generatorOn(replay.url).generate(ask(16, { question: VALVE.question })),
    );
    expect(texts(outcome.candidates)).toEqual(recorded(4, VALVE));
    expect(outcome.failed).toHaveLength(12);
    expect(new Set(Object.values(outcome.reasons))).toEqual(new Set(["not_recorded"]));
    // One call with n, five at once that learn it; the other seven are not asked.
    expect(outcome.usage.requests).toBe(6);
  });
});
