/** A fitted plan for tests: two cheap sources, a strong one, weights that are easy to follow. */
import type { PlanFit, PlanModel } from "../../../src/adapter/select/planFit.ts";
import type { SourcedCandidate } from "../../../src/adapter/select/planScore.ts";

const model = (more: Partial<PlanModel> = {}): PlanModel => ({
  weights: { small: 1, other: 0.5 },
  defaults: [0.8],
  adapter: 0,
  priors: {},
  confidence: { bias: -1, features: { log_odds: 1, margin: 2 }, support: {} },
  ...more,
});

const last = model({ weights: { small: 1, other: 0.5, strong: 2 }, defaults: [0.8, 1.9] });

export const planFit: PlanFit = {
  schema: 1,
  name: "plan.careful",
  version: "1",
  createdAt: "2026-12-01T00:00:00Z",
  stages: [["small", "other"], ["strong"]],
  adapter: null,
  groups: [
    {
      labels: "lettered",
      stages: [
        {
          votes: model(),
          scored: null,
          thresholds: [
            { by: "share", value: 0.3, threshold: 0.6 },
            { by: "share", value: 0.5, threshold: 0.8 },
            { by: "error", value: 0.01, threshold: null },
          ],
        },
        { votes: last, scored: null, thresholds: [] },
      ],
    },
    {
      labels: "lettered",
      task: "priors",
      stages: [
        { votes: model({ priors: { A: 0.7 } }), scored: null, thresholds: [] },
        { votes: last, scored: model({ adapter: 3 }), thresholds: [] },
      ],
    },
  ],
  files: [],
  fittedOn: [{ set: "sample", questions: 100 }],
  metrics: [{ set: "sample", rule: "share 0.3", n: 100, value: 0.8, low: 0.7, high: 0.9 }],
};

export const options = ["A", "B", "C"].map((label) => ({ label, text: `option ${label}` }));

/** `"small:A"`, `"strong:-"` (not read), `"small:A:1.5"` (with a logit). */
export function come(...written: readonly string[]): SourcedCandidate[] {
  return written.map((one, index) => {
    const [source = "", answer = "", logit] = one.split(":");
    return {
      ...{ index, source, stage: source === "strong" ? 1 : 0 },
      answer: answer === "-" ? null : answer,
      logit: logit === undefined ? null : Number(logit),
      probability: logit === undefined ? null : 1 / (1 + Math.exp(-Number(logit))),
    };
  });
}
