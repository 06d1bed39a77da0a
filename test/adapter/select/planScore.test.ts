/** Answers of several LLMs: whose vote counts how much, how sure the winner is, and what is refused. */
import { describe, expect, it } from "vitest";
import { fittedThreshold, parsePlanFit } from "../../../src/adapter/select/planFit.ts";
import {
  type PlanScoreInput,
  planScores,
  planWinner,
} from "../../../src/adapter/select/planScore.ts";
import { select } from "../../../src/adapter/select/select.ts";
import { come, options, planFit } from "./planFixture.ts";

const input = (
  candidates: readonly string[],
  more: Partial<PlanScoreInput> = {},
): PlanScoreInput => ({
  ...{
    fit: planFit,
    candidates: come(...candidates),
    options,
    task: "mcq",
    stage: 0,
    adapter: null,
  },
  ...more,
});

describe("the score of an answer", () => {
  it("is the sum of its sources' weights, each by the share of its votes", () => {
    const scores = planScores(input(["small:A", "small:B", "small:B", "other:A"]));
    const of = (answer: string) => scores?.scores.find((one) => one.answer === answer);
    expect(of("A")?.score).toBeCloseTo(1 / 3 + 0.5);
    expect(of("A")?.terms.sources).toEqual({ small: 1 / 3, other: 0.5 });
    expect(of("B")?.score).toBeCloseTo(2 / 3);
    expect(of("C")?.score).toBe(0);
    expect(scores?.winner?.answer).toBe("A");
  });

  it("counts a source that was never fitted by its stage's default", () => {
    const late = [
      ...come("small:A", "other:A"),
      ...come("strong:B").map((one) => ({ ...one, index: 2 })),
    ];
    const unknown = late.map((one) => (one.stage === 1 ? { ...one, source: "unknown" } : one));
    const scores = planScores({ ...input([]), candidates: unknown, stage: 1 });
    expect(scores?.winner?.terms.sources).toEqual({ unknown: 1.9 });
    expect(scores?.confidence).toBeNull(); // the strong one has written nothing
  });

  it("has the label's prior, but nobody wins whom nobody voted for", () => {
    const scores = planScores(input(["other:B"], { task: "priors" }));
    expect(scores?.scores[0]).toMatchObject({ answer: "A", score: 0.7 });
    expect(scores?.winner?.answer).toBe("B");
  });

  it("looks at the adapter's logits only where they were fitted, all there, and of that adapter", () => {
    const fit = { ...planFit, adapter: "mini@1" };
    const written = ["small:A:-2", "other:B:2", "strong:A:-2"];
    const at = (more: Partial<PlanScoreInput>) =>
      planScores(input(written, { fit, task: "priors", stage: 1, adapter: "mini@1", ...more }));
    expect(at({})).toMatchObject({ scored: true, winner: { answer: "B" } });
    expect(at({ adapter: "mini@2" })).toMatchObject({ scored: false, winner: { answer: "A" } });
    const missing = come("small:A", "other:B:2", "strong:A:-2");
    expect(at({ candidates: missing })).toMatchObject({ scored: false });
  });

  it("is not thrown off by labels and names that every object has", () => {
    const odd = ["constructor", "B"].map((label) => ({ label, text: "x" }));
    const scores = planScores(input(["toString:constructor", "small:B"], { options: odd }));
    for (const { score } of scores?.scores ?? []) expect(Number.isFinite(score)).toBe(true);
  });
});

describe("the confidence", () => {
  it("grows with agreement, and is null where a fitted source has written nothing", () => {
    const of = (...written: string[]) => planScores(input(written))?.confidence ?? null;
    const [all, most, split] = [
      of("small:A", "other:A"),
      of("small:A", "small:A", "small:B", "other:A"),
      of("small:A", "other:B"),
    ];
    expect(all).toBeGreaterThan(most ?? 1);
    expect(most).toBeGreaterThan(split ?? 1);
    expect(of("small:A", "small:A")).toBeNull();
  });

  it("is a logistic model of features that fitting asks for", () => {
    const asked = planWinner(input(["small:A", "other:B"]));
    expect(asked).toMatchObject({
      answer: "A",
      features: { top_share: 0.5, margin: 0, distinct: 2, unread: 0, logit_mean: 0 },
      support: { small: 1, other: 0 },
    });
    // ln(e^1 / (e^.5 + e^0)) by hand.
    const odds = 1 - Math.log(Math.exp(0.5) + 1);
    expect(asked?.features.log_odds).toBeCloseTo(odds);
    const confidence = planScores(input(["small:A", "other:B"]))?.confidence;
    expect(confidence).toBeCloseTo(1 / (1 + Math.exp(1 - odds)));
  });
});

describe("a selection by a plan", () => {
  const selected = (written: readonly string[], more: object = {}) =>
    select({
      strategy: "weighted_vote",
      candidates: come(...written),
      options,
      ...{ hasContext: false, evidenceUnseen: false, manifest: null, llm: "", task: "mcq" },
      abstain: null,
      plan: { fit: planFit, stage: 1, adapter: null },
      ...more,
    });

  it("goes by sources, not by counts, and has a confidence without any adapter", () => {
    const selection = selected(["small:A", "small:A", "other:A", "strong:B"]);
    expect(selection).toMatchObject({ answer: "B", index: 3, confidenceReason: null });
    expect(selection.confidence).toBeGreaterThan(0);
    expect(selection.votes).toEqual([
      { answer: "B", count: 1 },
      { answer: "A", count: 3 },
    ]);
  });

  it("says why it has none", () => {
    expect(selected(["strong:B"]).confidenceReason).toBe("plan_incomplete");
    expect(selected(["small:-", "other:-", "strong:-"]).confidenceReason).toBe("no_answer");
    const whole = ["small:A", "other:A", "strong:A"];
    expect(selected(whole, { otherLanguage: true }).confidenceReason).toBe(
      "language_not_validated",
    );
  });

  it("abstains below a confidence, and promises no error rate that was not fitted", () => {
    const whole = ["small:A", "other:A", "strong:A"];
    const below = { kind: "below", threshold: 0.999 };
    expect(selected(whole, { abstain: below }).abstained).toBe("below_threshold");
    const target = { kind: "target_error", targetError: 0.05 };
    expect(selected(whole, { abstain: target }).abstained).toBe("target_not_fitted");
  });
});

describe("a fitted plan's file", () => {
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

  it("is read as it was written", () => {
    expect(parsePlanFit(bytes(planFit))).toEqual({ ok: true, value: planFit });
  });

  it.each([
    ["manifest_malformed", "", "no JSON"],
    ["manifest_malformed", "schema", []],
    ["manifest_malformed", "name", { ...planFit, name: "Not Safe" }],
    ["manifest_malformed", "groups", { ...planFit, groups: [] }],
    ["manifest_malformed", "groups.0.stages", { ...planFit, stages: [["small"]] }],
    ["manifest_malformed", "", { ...planFit, more: 1 }],
  ])("that is wrong is refused: %s %s", (kind, field, value) => {
    const read = typeof value === "string" ? new TextEncoder().encode(value) : bytes(value);
    expect(parsePlanFit(read)).toEqual({ ok: false, failure: { kind, field } });
  });

  it("of a later form is refused as such", () => {
    const failure = { kind: "schema_unknown", schema: 2 };
    expect(parsePlanFit(bytes({ ...planFit, schema: 2 }))).toEqual({ ok: false, failure });
  });

  it("has thresholds by wish: the nearest that is kept to", () => {
    const stage = planFit.groups[0]?.stages[0];
    if (stage === undefined) throw new Error("no stage");
    expect(fittedThreshold(stage, { by: "share", value: 0.3 })).toBe(0.6);
    expect(fittedThreshold(stage, { by: "share", value: 0.45 })).toBe(0.6);
    expect(fittedThreshold(stage, { by: "share", value: 0.2 })).toBeNull();
    expect(fittedThreshold(stage, { by: "error", value: 0.05 })).toBeNull();
  });
});
