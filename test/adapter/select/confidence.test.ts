/** When a confidence is told, why not otherwise, and when no answer is given. */
import { describe, expect, test } from "vitest";
import type { Manifest } from "../../../src/adapter/manifest.ts";
import { sigmoid } from "../../../src/adapter/ranker.ts";
import type { Abstain, SelectInput } from "../../../src/adapter/select/candidates.ts";
import { select } from "../../../src/adapter/select/select.ts";
import { sampleManifest } from "../sampleManifest.ts";

const options = ["yes", "no"].map((label) => ({ label, text: label }));

const fitted: Manifest = {
  ...sampleManifest,
  selector: {
    features: ["vote_share", "prob_max"],
    groups: [
      {
        context: true,
        labels: "closed",
        weights: [2, 3],
        bias: -1,
        priors: { yes: 0.5, no: -0.5 },
        confidence: { a: 1.5, b: -0.25 },
      },
    ],
  },
  abstention: [
    { targetError: 0.05, threshold: null, coverage: null, confidenceLevel: 0.9 },
    { targetError: 0.1, threshold: 0.9, coverage: 0.4, confidenceLevel: 0.9 },
    { targetError: 0.2, threshold: 0.7, coverage: 0.8, confidenceLevel: 0.9 },
  ],
  validatedOn: [{ llm: "llama", task: "pubmedqa" }],
};

const base: SelectInput = {
  strategy: "weighted_vote",
  candidates: [
    { index: 0, answer: "yes", logit: 0.4, probability: 0.6 },
    { index: 1, answer: "no", logit: 1.4, probability: 0.8 },
    { index: 2, answer: "yes", logit: -0.4, probability: 0.4 },
  ],
  options,
  hasContext: true,
  evidenceUnseen: false,
  manifest: fitted,
  llm: "llama",
  task: "pubmedqa",
  abstain: null,
};

describe("the selector", () => {
  test("orders answers by bias, weights and prior, and its logit gives the confidence", () => {
    const selection = select(base);
    const yes = -1 + 2 * (2 / 3) + 3 * 0.6 + 0.5;
    const no = -1 + 2 * (1 / 3) + 3 * 0.8 - 0.5;
    expect(selection.units.map((unit) => unit.score)).toEqual([
      expect.closeTo(yes, 9),
      expect.closeTo(no, 9),
    ]);
    expect(selection.answer).toBe("yes");
    expect(selection.confidence).toBeCloseTo(sigmoid(1.5 * yes - 0.25), 9);
    expect(selection.confidenceReason).toBeNull();
  });

  test("has no prior for labels that it was not fitted with, whatever they are called", () => {
    const named = ["constructor", "valueOf"].map((label) => ({ label, text: label }));
    const candidates = base.candidates.map((candidate) => ({ ...candidate, answer: "valueOf" }));
    const selection = select({ ...base, options: named, candidates });
    expect(selection.units.map((unit) => unit.score)).toEqual([
      expect.closeTo(-1 + 2 + 3 * 0.8, 9),
    ]);
  });

  test("is fitted for one kind of question: without evidence the probabilities are summed", () => {
    const selection = select({ ...base, hasContext: false });
    expect(selection.units[0]?.score).toBeCloseTo(1.0, 9);
    expect(selection.confidenceReason).toBe("not_calibrated");
  });
});

describe("evidence that the LLM did not see", () => {
  const group = fitted.selector?.groups[0];
  if (group === undefined) throw new Error("the manifest above has a group");
  const yesman = { ...group, weights: [0, 0], bias: 0, priors: { yes: 1, no: -1 } };
  const naysayer = { ...group, weights: [0, 0], bias: 0, priors: { yes: -1, no: 1 } };
  const chosen = (groups: NonNullable<Manifest["selector"]>["groups"], unseen: boolean) => {
    const selector = { features: ["vote_share", "prob_max"], groups };
    const validatedOn = [{ llm: "llama", task: "pubmedqa", evidence: "unseen" as const }];
    const manifest = { ...fitted, selector, validatedOn };
    return select({ ...base, manifest, evidenceUnseen: unseen });
  };

  test("has a selector of its own, of its task's before that of all tasks", () => {
    const unseen = { ...naysayer, evidence: "unseen" as const };
    expect(chosen([yesman, unseen], true)).toMatchObject({ answer: "no", confidenceReason: null });
    expect(chosen([yesman, unseen], false)).toMatchObject({
      answer: "yes",
      confidenceReason: "not_validated_for_llm_task",
    });
    const other = { ...yesman, evidence: "unseen" as const };
    const own = { ...unseen, task: "pubmedqa" };
    expect(chosen([yesman, other, own], true).answer).toBe("no");
    expect(chosen([other, { ...naysayer, task: "pubmedqa" }], true).answer).toBe("yes");
  });

  test("is chosen for by the common selector where there is none of its own", () => {
    expect(chosen([naysayer], true).answer).toBe("no");
    expect(chosen([yesman, { ...naysayer, task: "pubmedqa" }], true).answer).toBe("no");
  });
});

describe("no confidence", () => {
  test.each<[string, Partial<SelectInput>]>([
    ["degraded", { manifest: null }],
    [
      "degraded",
      {
        candidates: [
          ...base.candidates,
          { index: 3, answer: "no", logit: null, probability: null },
        ],
      },
    ],
    ["no_answer", { candidates: [{ index: 0, answer: null, logit: 1, probability: 0.7 }] }],
    // Two that agree look like eight that do.
    ["too_few_candidates", { candidates: base.candidates.slice(0, 2) }],
    [
      "too_few_candidates",
      {
        candidates: base.candidates.map((one) =>
          one.index === 1 ? { ...one, answer: null } : one,
        ),
      },
    ],
    ["language_not_validated", { otherLanguage: true }],
    ["not_calibrated", { manifest: sampleManifest }],
    ["not_calibrated", { options: [{ label: "A", text: "aspirin" }] }],
    ["not_calibrated_for_strategy", { strategy: "best_of" }],
    ["not_validated_for_llm_task", { llm: "other" }],
    ["not_validated_for_llm_task", { task: "medqa" }],
    // It was, but not with evidence that it had not seen.
    ["not_validated_for_llm_task", { evidenceUnseen: true }],
  ])("%s", (reason, change) => {
    const selection = select({ ...base, ...change });
    expect(selection.confidence).toBeNull();
    expect(selection.confidenceReason).toBe(reason);
  });
});

describe("fewer candidates than the confidence was fitted with", () => {
  const group = fitted.selector?.groups[0];
  if (group === undefined) throw new Error("the manifest above has a group");
  const at = (few: { c: number; candidates: number }) => {
    const groups = [{ ...group, confidence: { ...group.confidence, few } }];
    const selector = { features: ["vote_share", "prob_max"], groups };
    const confidence = select({ ...base, manifest: { ...fitted, selector } }).confidence ?? 0;
    return Math.log(confidence / (1 - confidence));
  };
  const full = at({ c: 0, candidates: 8 });

  test("are less sure by what was fitted", () => {
    expect(at({ c: -2, candidates: 8 })).toBeCloseTo(full - 2 * (1 / 3 - 1 / 8), 9);
  });

  test("more of them are not surer", () => {
    expect(at({ c: -2, candidates: 3 })).toBeCloseTo(full, 9);
    expect(at({ c: -2, candidates: 2.5 })).toBeCloseTo(full, 9);
  });
});

describe("abstention", () => {
  const confidence = select(base).confidence ?? 0;

  test.each<[Abstain, string | null]>([
    [{ kind: "below", threshold: confidence + 0.01 }, "below_threshold"],
    [{ kind: "below", threshold: confidence }, null],
    [{ kind: "target_error", targetError: 0.01 }, "target_not_fitted"],
    [{ kind: "target_error", targetError: 0.05 }, "target_unattainable"],
    [{ kind: "target_error", targetError: 0.1 }, null],
    [{ kind: "target_error", targetError: 0.15 }, null],
    [{ kind: "target_error", targetError: 0.2 }, null],
  ])("%o gives %s", (abstain, reason) => {
    const selection = select({ ...base, abstain });
    expect(selection.abstained).toBe(reason);
    expect(selection.answer).toBe(reason === null ? "yes" : null);
    expect(selection.index).toBe(reason === null ? 0 : null);
    expect(selection.ranking).toEqual([0, 2, 1]);
  });

  test("a wanted error rate between two fitted ones takes the stricter threshold", () => {
    const manifest = {
      ...fitted,
      abstention: fitted.abstention.map((entry) =>
        entry.targetError === 0.1 ? { ...entry, threshold: 0.999 } : entry,
      ),
    };
    const at = (targetError: number) =>
      select({ ...base, manifest, abstain: { kind: "target_error", targetError } }).abstained;
    expect(at(0.19)).toBe("below_threshold");
    expect(at(0.2)).toBeNull();
  });

  test("without a confidence nothing is promised", () => {
    for (const change of [{ manifest: null }, { llm: "other" }, { strategy: "vote" as const }]) {
      const abstain: Abstain = { kind: "target_error", targetError: 0.2 };
      expect(select({ ...base, ...change, abstain }).abstained).toBe("no_confidence");
      expect(
        select({ ...base, ...change, abstain: { kind: "below", threshold: 0 } }).abstained,
      ).toBe("no_confidence");
    }
  });
});
