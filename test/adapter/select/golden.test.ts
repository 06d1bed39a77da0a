/** What training fitted decides the same here as in Python: winner, scores, confidence, stopping. */
import { describe, expect, test } from "vitest";
import { probabilityOf } from "../../../src/adapter/ranker.ts";
import {
  type AdaptiveK,
  leaderStaysAhead,
  nextWave,
} from "../../../src/adapter/select/adaptiveK.ts";
import type {
  ScoredCandidate,
  SelectInput,
  Strategy,
} from "../../../src/adapter/select/candidates.ts";
import { select } from "../../../src/adapter/select/select.ts";
import { sampleManifest } from "../sampleManifest.ts";
import type { SelectorGolden } from "../suites/golden.ts";
import { inNode } from "../suites/node.ts";

const golden: SelectorGolden = JSON.parse(await inNode.fixture("selector.golden.json"));
const { cases, ...fields } = golden;
const manifest = {
  ...sampleManifest,
  ...fields,
  validatedOn: [...new Set(cases.map(({ task }) => task))].flatMap((task) => [
    { llm: "llm", task },
    { llm: "llm", task, evidence: "unseen" as const },
  ]),
};

/** Candidates asked for, in their order, until the rule ends it. */
function spentBy(rule: AdaptiveK | null, candidates: readonly ScoredCandidate[]): number | null {
  if (rule === null) return null;
  let spent = 0;
  for (;;) {
    const wave = nextWave(rule, candidates.slice(0, spent), true, spent, candidates.length);
    if (wave === 0) return spent;
    spent += wave;
  }
}

describe.each(cases)("$name", (golden) => {
  const { labels, closed, hasContext, evidenceUnseen, task } = golden;
  const options = labels.map((label) => ({ label, text: closed ? label : `option ${label}` }));
  const candidates = golden.candidates.map(({ answer, logit }, index) => ({
    index,
    answer,
    logit,
    probability: probabilityOf(logit, manifest.calibration),
  }));
  const input: SelectInput = {
    strategy: "weighted_vote",
    candidates,
    options,
    hasContext,
    evidenceUnseen,
    manifest,
    llm: "llm",
    task,
    abstain: null,
  };
  const by = (strategy: Strategy) => select({ ...input, strategy });
  const near = (value: number) => expect.closeTo(value, 6);

  test("probabilities", () => {
    expect(candidates.map(({ probability }) => probability)).toEqual(
      golden.probabilities.map(near),
    );
  });

  test("winner, answer scores and confidence", () => {
    const selection = by("weighted_vote");
    expect(selection.answer).toBe(golden.winner);
    const scored = selection.units.filter(({ answer }) => answer !== null);
    expect(Object.fromEntries(scored.map(({ answer, score }) => [answer, score]))).toEqual(
      Object.fromEntries(Object.entries(golden.scores).map(([key, value]) => [key, near(value)])),
    );
    const { confidence } = golden;
    expect(selection.confidence).toEqual(confidence === null ? null : near(confidence));
  });

  test("best of n", () => {
    expect(by("best_of").answer).toBe(golden.bestOf);
  });

  test("chance that the leader stays ahead", () => {
    expect(leaderStaysAhead(candidates, true)).toBeCloseTo(golden.staysAhead, 6);
  });

  test("candidates spent by the stopping rule", () => {
    expect(spentBy(manifest.adaptiveK, candidates)).toBe(golden.spent);
  });

  test("answered or abstained at each target error", () => {
    const answered = manifest.abstention.map(({ targetError }) => {
      const abstain = { kind: "target_error", targetError } as const;
      return [String(targetError), select({ ...input, abstain }).abstained === null];
    });
    expect(Object.fromEntries(answered)).toEqual(golden.answered);
  });
});
