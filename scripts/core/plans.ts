/** The operations of plans: what a conditional logit is fitted on, and what a fitted plan decides, many in one request. */
import { z } from "zod";
import { parsePlanFit, planFitSchema } from "../../src/adapter/select/planFit.ts";
import {
  type PlanScoreInput,
  planScores,
  planWinner,
  tallyOf,
} from "../../src/adapter/select/planScore.ts";
import type { Option } from "../../src/tasks/question.ts";

const question = z.strictObject({
  labels: z.array(z.string()).min(2),
  /** The labels are the options' texts: yes, no. Texts of lettered options are not needed. */
  closed: z.boolean(),
  task: z.string(),
  candidates: z.array(
    z.strictObject({
      source: z.string(),
      /** From 0. */
      stage: z.int().nonnegative(),
      answer: z.string().nullable(),
      logit: z.number().nullable(),
    }),
  ),
});
type WireQuestion = z.infer<typeof question>;

export const planReadRequest = z.strictObject({ text: z.string() });

/** The field of a fitted plan that no Worker would read; null: it is whole. */
export function planRead({ text }: z.infer<typeof planReadRequest>): { field: string | null } {
  const read = parsePlanFit(new TextEncoder().encode(text));
  if (read.ok) return { field: null };
  return { field: read.failure.kind === "schema_unknown" ? "schema" : read.failure.field };
}

/** With all stages before and up to each one. */
const stages = z.int().positive().max(8);

export const planDesignRequest = z.strictObject({ stages, questions: z.array(question) });

/** By question and stage: of each label, each source's vote share; and the adapter's term. */
export function planDesign({ stages: count, questions }: z.infer<typeof planDesignRequest>) {
  return {
    questions: questions.map((wire) =>
      stagesOf(wire, count).map((candidates) => {
        const tally = tallyOf(candidates, optionsOf(wire));
        const sources = [...tally.sources.keys()];
        return {
          sources,
          shares: wire.labels.map((label) =>
            sources.map((source) => tally.sources.get(source)?.shares.get(label) ?? 0),
          ),
          logits: wire.labels.map((label) => tally.logits.get(label) ?? 0),
        };
      }),
    ),
  };
}

export const planDecideRequest = z.strictObject({
  fit: planFitSchema,
  /** `name@version` that scored; null: nothing did. */
  adapter: z.string().nullable(),
  questions: z.array(question),
});

/** By question and stage: what would be answered were it the last; null: nobody gave an answer. */
export function planDecide({ fit, adapter, questions }: z.infer<typeof planDecideRequest>) {
  return {
    questions: questions.map((wire) =>
      stagesOf(wire, fit.stages.length).map((candidates, stage) => {
        const input: PlanScoreInput = {
          ...{ fit, candidates, options: optionsOf(wire), task: wire.task, stage, adapter },
        };
        const scores = planScores(input);
        const winner = planWinner(input);
        if (scores === null || winner === null) return null;
        return { ...winner, confidence: scores.confidence, scored: scores.scored };
      }),
    ),
  };
}

function optionsOf({ labels, closed }: WireQuestion): Option[] {
  return labels.map((label) => ({ label, text: closed ? label : "" }));
}

function stagesOf({ candidates }: WireQuestion, count: number) {
  const numbered = candidates.map((one, index) => ({ ...one, index, probability: null }));
  return Array.from({ length: count }, (_, at) => numbered.filter(({ stage }) => stage <= at));
}
