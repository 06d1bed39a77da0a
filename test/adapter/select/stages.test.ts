/** When a stage is left, and that an early decision is one that nothing can change: by trying all that could come. */
import { describe, expect, it } from "vitest";
import { planScores } from "../../../src/adapter/select/planScore.ts";
import { byAgreement, byConfidence } from "../../../src/adapter/select/stages.ts";
import { come, options, planFit } from "./planFixture.ts";

/** Pseudo-random, the same in every run. */
function randomOf(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

/** Every list of `length` of these. */
function lists<Value>(values: readonly Value[], length: number): Value[][] {
  if (length === 0) return [[]];
  return lists(values, length - 1).flatMap((list) => values.map((value) => [...list, value]));
}

describe("by agreement", () => {
  it.each([
    [["A", "A", "A"], 3, 0, "leave", 1],
    [["A", "A", "B"], 3, 0, "enter", 2 / 3],
    [["A", "B"], 3, 1, "enter", 2 / 3],
    [["A", "A"], 3, 1, "open", 1],
    [["A", "A", "A", "A"], 5, 1, "leave", 0.8],
    [[null, null], 2, 0, "enter", 0],
    [[null], 1, 0, "enter", 0],
    [[], 3, 0, "enter", 0],
    [["A", "A"], 5, 0, "enter", 0.4],
  ] as const)("%j of %i, %i to come: %s", (answers, asked, open, decision, value) => {
    const judged = byAgreement([...answers], { asked, open, threshold: 0.8 });
    expect(judged).toEqual({ decision, value });
  });

  it("an early decision is the one at the end, whatever comes", () => {
    const random = randomOf(3);
    for (let round = 0; round < 200; round += 1) {
      const asked = 2 + random(4);
      const came = random(asked + 1);
      const answers = Array.from({ length: came }, () => ["A", "B", "C", null][random(4)] ?? null);
      const threshold = [0.5, 2 / 3, 0.8, 1][random(4)] ?? 1;
      const open = asked - came;
      const { decision } = byAgreement(answers, { asked, open, threshold });
      const ends = lists<string | null | undefined>(["A", "B", "C", "new", null, undefined], open);
      const at = ends.map((end) => {
        const all = [...answers, ...end.filter((answer) => answer !== undefined)];
        return byAgreement(all, { asked, open: 0, threshold }).decision;
      });
      if (decision === "open") continue;
      expect(new Set(at)).toEqual(new Set([decision]));
    }
  });
});

describe("by confidence", () => {
  const input = (written: readonly string[]) => ({
    ...{
      fit: planFit,
      candidates: come(...written),
      options,
      task: "mcq",
      stage: 0,
      adapter: null,
    },
  });

  it("compares the winner's with the threshold", () => {
    const whole = input(["small:A", "other:A"]);
    const confidence = planScores(whole)?.confidence ?? 0;
    expect(byConfidence(whole, [], confidence - 0.01)).toEqual({
      ...{ decision: "leave", value: confidence },
    });
    expect(byConfidence(whole, [], confidence + 0.01).decision).toBe("enter");
    expect(byConfidence(input(["small:A"]), [], 0.5).decision).toBe("open"); // no confidence to compare
  });

  it("an early decision is the one at the end, whatever comes", () => {
    const random = randomOf(11);
    let early = 0;
    for (let round = 0; round < 150; round += 1) {
      const written = Array.from({ length: 2 + random(3) }, (_, at) => {
        const source =
          at === 0 ? "small" : at === 1 ? "other" : (["small", "other"][random(2)] ?? "");
        return `${source}:${["A", "B", "C", "-"][random(4)]}`;
      });
      const open = Array.from({ length: 1 + random(2) }, () => ({
        ...{ source: ["small", "other"][random(2)] ?? "", stage: 0, instead: [] },
      }));
      const threshold = [0.3, 0.5, 0.7, 0.9][random(4)] ?? 0.5;
      const { decision, value } = byConfidence(input(written), open, threshold);
      if (decision === "open") continue;
      early += 1;
      for (const ending of lists(["A", "B", "C", "-", null], open.length)) {
        const more = ending.flatMap((answer, at) =>
          answer === null ? [] : [`${open[at]?.source}:${answer}`],
        );
        const end = byConfidence(input([...written, ...more]), [], threshold);
        expect(end.decision).toBe(decision);
        if (decision === "leave") expect(end.value).toBeGreaterThanOrEqual(value);
        else expect(end.value).toBeLessThanOrEqual(value);
      }
    }
    expect(early).toBeGreaterThan(20);
  });

  it("is open where too many ways are left, or where scores are looked at", () => {
    const open = Array.from({ length: 4 }, () => ({ source: "small", stage: 0, instead: [] }));
    expect(byConfidence(input(["small:A", "other:A"]), open, 0.01).decision).toBe("open");
    const fit = {
      ...planFit,
      adapter: "mini@1",
      groups: planFit.groups.map((group) => ({
        ...group,
        stages: group.stages.map((stage) => ({ ...stage, scored: stage.votes })),
      })),
    };
    const scored = { ...input(["small:A:1", "other:A:1"]), fit, adapter: "mini@1" };
    expect(byConfidence(scored, open.slice(0, 1), 0.01).decision).toBe("open");
    expect(byConfidence(scored, [], 0.01).decision).toBe("leave");
  });
});
