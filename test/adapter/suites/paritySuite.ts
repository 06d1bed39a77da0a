/**
 * The same candidates get the same ranking from torch in float32, from the int8 graph in Python, and
 * from the engine here. Questions and candidates are the recorded examples; Python's logits are in
 * test/fixtures/logits.golden.jsonl.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyBundle } from "../../../src/adapter/bundle.ts";
import { loadRanker } from "../../../src/adapter/load.ts";
import type { Ranker } from "../../../src/adapter/ranker.ts";
import type { Option } from "../../../src/tasks/question.ts";
import { type LogitsLine, lines, type RecordedLine } from "./golden.ts";
import type { Surroundings } from "./surroundings.ts";

/** How far logits may be from Python's, and how near two candidates may be to change places. */
export interface Tolerance {
  /** Largest difference of a logit. */
  readonly most: number;
  /** Root mean square of the differences of a task's logits. */
  readonly rms: number;
  /** Candidates of one question that are further apart than this keep their order. */
  readonly margin: number;
}

export interface Tolerances {
  /**
   * Against the bundle's int8 graph in native ONNX Runtime. Activations are quantized as they come, so
   * a difference in the last bit of a float can move a whole row by a step: what remains is noise of
   * the size of quantization itself.
   */
  readonly int8: Tolerance;
  /** Against float32: what quantization costs. */
  readonly torch: Tolerance;
}

const tasks = ["mcq", "mednli", "medqa", "pubmedqa", "yesno"];
const never = new AbortController().signal;

export function paritySuite(surroundings: Surroundings, tolerances: Tolerances): void {
  describe(`logits and rankings of ${surroundings.engine} equal Python's`, () => {
    let ranker: Ranker;
    let golden: ReadonlyMap<string, LogitsLine>;
    let questions = 0;

    beforeAll(async () => {
      const verified = await verifyBundle(surroundings.bundle, { keep: surroundings.roles });
      if (!verified.ok) throw new Error(verified.failure.kind);
      const loaded = await loadRanker(verified.value, surroundings.startEngine);
      if (!loaded.ok) throw new Error(loaded.failure.kind);
      ranker = loaded.value;
      const text = await surroundings.fixture("logits.golden.jsonl");
      golden = new Map(lines<LogitsLine>(text).map((line) => [line.id, line]));
    });

    afterAll(() => ranker.retire());

    async function logitsOf(line: RecordedLine, count: number): Promise<number[]> {
      const options: Option[] = Object.entries(line.options ?? {}).map(([label, text]) => ({
        label,
        text,
      }));
      const question = { question: line.question, options, context: line.context };
      const opened = ranker.open(question, never);
      if (!opened.ok) throw new Error(opened.failure.kind);
      const scores = await Promise.all(
        line.candidates.slice(0, count).map(({ answer, text }) => {
          const option = options.find(({ label }) => label === answer) ?? null;
          return opened.value.score({ answer: option, text });
        }),
      );
      opened.value.close();
      return scores.map((score) => (score.ok ? score.value.logit : Number.NaN));
    }

    test.each(tasks)("on the recorded questions of %s", { timeout: 300_000 }, async (task) => {
      const differences = { int8: [] as number[], torch: [] as number[] };
      for (const line of lines<RecordedLine>(await surroundings.recorded(`${task}.jsonl`))) {
        const wanted = golden.get(line.id)?.candidates ?? [];
        expect(wanted.length, line.id).toBeGreaterThan(1);
        const got = await logitsOf(line, wanted.length);
        for (const kind of ["int8", "torch"] as const) {
          const reference = wanted.map((candidate) => candidate[kind]);
          const swaps = swapped(got, reference, tolerances[kind].margin);
          expect(swaps, `${line.id}: pairs in another order than by ${kind}`).toEqual([]);
          differences[kind].push(...got.map((logit, i) => logit - (reference[i] ?? Number.NaN)));
        }
        questions += 1;
      }
      for (const kind of ["int8", "torch"] as const) {
        expect(largest(differences[kind]), kind).toBeLessThanOrEqual(tolerances[kind].most);
        expect(rootMeanSquare(differences[kind]), kind).toBeLessThanOrEqual(tolerances[kind].rms);
      }
    });

    test("which are at least fifty", () => {
      expect(questions).toBeGreaterThanOrEqual(50);
    });
  });
}

function largest(differences: readonly number[]): number {
  return Math.max(...differences.map(Math.abs));
}

function rootMeanSquare(differences: readonly number[]): number {
  return Math.sqrt(differences.reduce((sum, d) => sum + d * d, 0) / differences.length);
}

/** Pairs further apart than `margin` in the reference that stand the other way round here. */
function swapped(
  got: readonly number[],
  reference: readonly number[],
  margin: number,
): [number, number][] {
  return got.flatMap((a, i) =>
    got.flatMap((b, j): [number, number][] => {
      const apart = (reference[i] ?? 0) - (reference[j] ?? 0);
      return apart > margin && a <= b ? [[i, j]] : [];
    }),
  );
}
