/** Putting choices together, over many orders of their parts. */
import { describe, expect, it } from "vitest";
import { Choices, MAX_CANDIDATE_BYTES, type Settled } from "../../src/llm/openai/choices.ts";
import type { ChoicePart } from "../../src/llm/openai/chunk.ts";

function partOf(index: number, content: string, end: ChoicePart["end"] = null): ChoicePart {
  return { index, content, end, whole: false, declined: false, thought: false };
}

function feed(choices: Choices, parts: readonly ChoicePart[]): Settled[] {
  return parts.flatMap((part) => [...choices.add({ parts: [part] })]);
}

function textOf(settled: Settled): string {
  return settled.kind === "candidate" ? settled.candidate.text : settled.reason;
}

/** Numbers in [0, below), the same sequence every time. */
function lcg(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** The parts of `count` choices under the given indices, mixed, each choice's own order kept. */
function mixed(indices: readonly number[], random: (below: number) => number): ChoicePart[] {
  const queues = indices.map((index, choice) => {
    const length = 1 + random(5);
    return Array.from({ length: length + 1 }, (_, i): ChoicePart => {
      return partOf(index, i < length ? `${choice}` : "", i < length ? null : "stop");
    });
  });
  const order: ChoicePart[] = [];
  while (queues.some((queue) => queue.length > 0)) {
    const part = queues[random(queues.length)]?.shift();
    if (part !== undefined) order.push(part);
  }
  return order;
}

describe("Choices", () => {
  it("gives out every choice, whole and once, in any interleaving", () => {
    for (let seed = 0; seed < 500; seed += 1) {
      const choices = new Choices(4);
      const settled = feed(choices, mixed([0, 1, 2, 3], lcg(seed)));
      settled.push(...choices.end(null));
      expect(
        settled
          .map(textOf)
          .toSorted()
          .map((text) => new Set(text).size),
      ).toEqual([1, 1, 1, 1]);
      expect(choices.duplicated).toBe(false);
    }
  });

  it("never gives out a text mixed of two, whatever indices are shared", () => {
    const shared = [
      [0, 0, 0, 0],
      [0, 1, 0, 1],
      [0, 1, 1, 2],
      [3, 3, 3, 1],
    ];
    for (const indices of shared) {
      for (let seed = 0; seed < 500; seed += 1) {
        const choices = new Choices(4);
        const settled = feed(choices, mixed(indices, lcg(seed)));
        settled.push(...choices.end(null));
        for (const one of settled) expect(new Set(textOf(one)).size).toBe(1);
        expect(choices.duplicated).toBe(true);
      }
    }
  });

  it("gives out finished choices as soon as all have begun and two have ended, and no sooner", () => {
    const [a, b] = [partOf(0, "a"), partOf(1, "b")];
    const [endOfA, endOfB] = [partOf(0, "", "stop"), partOf(1, "", "stop")];
    expect(feed(new Choices(2), [a, b, endOfA])).toEqual([]);
    expect(feed(new Choices(2), [a, b, endOfA, endOfB]).map(textOf)).toEqual(["a", "b"]);
    expect(feed(new Choices(3), [a, b, endOfA, endOfB])).toEqual([]);
    const third = partOf(2, "c");
    expect(feed(new Choices(3), [a, b, endOfA, endOfB, third]).map(textOf)).toEqual(["a", "b"]);
  });

  it("gives out a finished choice when the others go on without it for two rounds, or fall silent", () => {
    const choices = new Choices(2);
    const more = Array.from({ length: 3 }, () => partOf(1, "b"));
    expect(feed(choices, [partOf(0, "a"), partOf(1, "b"), partOf(0, "", "stop"), ...more])).toEqual(
      [],
    );
    expect(choices.unconfirmed).toBe(true);
    expect(feed(choices, [partOf(1, "b")]).map(textOf)).toEqual(["a"]);
    expect(choices.unconfirmed).toBe(false);
    const quiet = new Choices(2);
    feed(quiet, [partOf(0, "a"), partOf(1, "b"), partOf(0, "", "stop")]);
    expect(quiet.silent().map(textOf)).toEqual(["a"]);
    expect(quiet.silent()).toEqual([]);
  });

  it("believes no end that comes with every part", () => {
    const choices = new Choices(1);
    const parts = ["one ", "two ", "three"].map((text) => partOf(0, text, "stop"));
    expect(feed(choices, parts)).toEqual([]);
    expect(choices.end(null).map(textOf)).toEqual(["one two three"]);
  });

  it("goes on after an end that was another choice's: a proxy numbers it wrongly", () => {
    const choices = new Choices(2);
    const parts = [partOf(0, "a"), partOf(1, "b"), partOf(0, "", "length"), partOf(0, "c")];
    expect(feed(choices, parts)).toEqual([]);
    expect(choices.end(null)).toMatchObject([
      { candidate: { index: 0, text: "ac", state: "cut" } },
      // It may have been cut as well: the proxy named one end only.
      { candidate: { index: 1, text: "b", state: "cut" } },
    ]);
  });

  it("counts from where the server counts", () => {
    const choices = new Choices(2);
    feed(choices, [partOf(1, "a"), partOf(2, "b")]);
    const settled = choices.end(null);
    expect(settled.map(textOf)).toEqual(["a", "b"]);
    expect(settled.map((one) => one.kind === "candidate" && one.candidate.index)).toEqual([1, 0]);
  });

  it("takes a text that grows for one text", () => {
    const choices = new Choices(1);
    const grown = ["The", "The answer", "The answer is B."];
    feed(
      choices,
      grown.map((content) => ({ ...partOf(0, content), whole: true })),
    );
    expect(choices.end(null).map(textOf)).toEqual(["The answer is B."]);
  });

  it("measures its limit in bytes, not characters", () => {
    const wide = partOf(0, "\u4e2d".repeat(MAX_CANDIDATE_BYTES / 3));
    expect(feed(new Choices(1), [wide])).toEqual([]);
    const settled = feed(new Choices(1), [wide, partOf(0, "ab")]);
    expect(settled).toEqual([{ kind: "failed", index: 0, reason: "too_large" }]);
  });

  it("stops waiting for more choices after an endless one", () => {
    const choices = new Choices(8);
    const endless = partOf(0, "x".repeat(64 * 1024));
    let parts = 0;
    for (; !choices.exhausted && parts < 1_000; parts += 1) feed(choices, [endless]);
    expect(parts).toBeLessThan(30);
  });
});
