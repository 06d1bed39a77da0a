/** What is compared after a response, and when there is no time for it. */
import { describe, expect, it } from "vitest";
import type {
  RankedQuestion,
  Ranker,
  Score,
  ScoreFailure,
} from "../../../../src/adapter/ranker.ts";
import { fail, ok, type Result } from "../../../../src/adapter/result.ts";
import { pause } from "../../../../src/net/sharedWork.ts";
import { taskById } from "../../../../src/tasks/registry.ts";
import { Comparisons, compare } from "../../../../src/worker/adapters/trial/compare.ts";
import type { Outcome } from "../../../../src/worker/answer/outcome.ts";
import { sampleManifest } from "../../../adapter/sampleManifest.ts";
import { waitUntil } from "../fakeRankers.ts";

const texts = ["Yes, it is.", "No.", "Yes."];
const answers = ["yes", "no", "yes"];

/** An answer by `best_of` that put the candidates in this order; free text has no labels. */
function outcome(order: readonly number[], free = false): Outcome {
  const options = free ? [] : ["yes", "no"].map((label) => ({ label, text: label }));
  const candidates = texts.map((text, index) => ({
    index,
    text,
    answer: free ? null : answers[index],
    state: "complete",
  }));
  const task = taskById(free ? "cord19" : "yesno");
  return {
    ask: { task, question: { question: "Is it?", options, context: null } },
    candidates,
    strategy: "best_of",
    selection: { ranking: order },
    ...{ writer: "any", deciding: texts.map((_, index) => index) },
  } as unknown as Outcome;
}

/** A ranker whose probabilities are these, by text. */
function ranker(
  probabilities: readonly number[],
  { held = 0, waiting = 0, failure = null as ScoreFailure | null } = {},
): Ranker & { closed: number } {
  const made = {
    closed: 0,
    manifest: sampleManifest,
    load: () => ({ held, waiting, heapBytes: 0 }),
    refusal: () => null,
    fault: () => null,
    retire: () => Promise.resolve(),
    open: (): Result<RankedQuestion, never> =>
      ok({
        prefixTokens: 1,
        truncated: false,
        remote: false,
        ready: Promise.resolve(ok(undefined)),
        score: async ({ text }) => {
          await pause(5);
          const value = probabilities[texts.indexOf(text)] ?? 0;
          const score = {
            logit: value,
            probability: value,
            truncated: false,
            tokens: 1,
          };
          return failure === null ? ok(score as Score) : fail(failure);
        },
        close: () => {
          made.closed += 1;
        },
      }),
  };
  return made;
}

const never = new AbortController().signal;

describe("two adapters", () => {
  it("agree on the same answer, whichever candidate shows it", async () => {
    const second = ranker([0.1, 0.2, 0.9]);
    expect(await compare(second, outcome([0, 2, 1]), never)).toBe("same");
    expect(await compare(second, outcome([1, 0, 2]), never)).toBe("other");
    expect(second.closed).toBe(2);
  });

  it("agree in free text only on the very same candidate", async () => {
    const second = ranker([0.1, 0.2, 0.9]);
    expect(await compare(second, outcome([2, 0, 1], true), never)).toBe("same");
    expect(await compare(second, outcome([0, 2, 1], true), never)).toBe("other");
  });

  it("cannot be compared where the second fails; it gives its place back all the same", async () => {
    const broken = ranker([], { failure: { kind: "engine_failed", reason: "trap" } });
    expect(await compare(broken, outcome([0]), never)).toBe("failed");
    const late = ranker([], { failure: { kind: "aborted" } });
    expect(await compare(late, outcome([0]), never)).toBe("dropped");
    expect([broken.closed, late.closed]).toEqual([1, 1]);
  });
});

describe("a comparison", () => {
  const second = () => Promise.resolve<Ranker | null>(ranker([0.1, 0.2, 0.9]));

  it("is left out while callers need the engine", async () => {
    const comparisons = new Comparisons();
    const run = (held: number, waiting: number) =>
      comparisons.run(ranker([], { held, waiting }), second, outcome([0, 2, 1]), waitUntil);
    expect(await run(2, 0)).toBe("same");
    expect(await run(3, 0)).toBe("dropped");
    expect(await run(0, 1)).toBe("dropped");
  });

  it("is left out while another goes on, and where there is no second adapter", async () => {
    const comparisons = new Comparisons();
    const run = (by = second) => comparisons.run(ranker([]), by, outcome([0, 2, 1]), waitUntil);
    expect(await Promise.all([run(), run()])).toEqual(["same", "dropped"]);
    expect(await run(() => Promise.resolve(null))).toBe("dropped");
    expect(await run(() => Promise.reject(new Error("down")))).toBe("failed");
    expect(await run()).toBe("same");
  });
});
