/** Putting choices together, over many orders of their parts. */
import { describe, expect, it } from "vitest";
import {
  type ChoicePart,
  Choices,
  MAX_CANDIDATE_BYTES,
  type Settled,
} from "../../src/llm/openai/choices.ts";

function feed(choices: Choices, parts: readonly ChoicePart[]): Settled[] {
  return parts.flatMap((part) => [...choices.add({ parts: [part], usage: null })]);
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
      return { index, content: i < length ? `${choice}` : "", end: i < length ? null : "stop" };
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

  it("gives out a finished choice as soon as all have begun, and no sooner", () => {
    const end: ChoicePart = { index: 0, content: "a", end: "stop" };
    const other: ChoicePart = { index: 1, content: "b", end: null };
    expect(feed(new Choices(2), [other, end]).map(textOf)).toEqual(["a"]);
    expect(feed(new Choices(2), [end])).toEqual([]);
    expect(feed(new Choices(2), [end, other]).map(textOf)).toEqual(["a"]);
    expect(feed(new Choices(3), [end, other])).toEqual([]);
  });

  it("measures its limit in bytes, not characters", () => {
    const wide = { index: 0, content: "\u4e2d".repeat(MAX_CANDIDATE_BYTES / 3), end: null };
    expect(feed(new Choices(1), [wide])).toEqual([]);
    const settled = feed(new Choices(1), [wide, { index: 0, content: "ab", end: null }]);
    expect(settled).toEqual([{ kind: "failed", index: 0, reason: "too_large" }]);
  });

  it("stops waiting for more choices after an endless one", () => {
    const choices = new Choices(8);
    const endless = { index: 0, content: "x".repeat(64 * 1024), end: null };
    let parts = 0;
    for (; !choices.exhausted && parts < 1_000; parts += 1) feed(choices, [endless]);
    expect(parts).toBeLessThan(30);
  });
});
