/** The operations `select` and `curve`: what is decided on scored questions, many in one request. */
import { z } from "zod";
import { featureNames, manifestSchema } from "../../src/adapter/manifest.ts";
import { LEAST_CANDIDATES } from "../../src/adapter/select/confidence.ts";
import { type Stop, stops } from "./curves.ts";
import {
  type AskedQuestion,
  type Ballot,
  ballotOf,
  choiceOf,
  everyCandidate,
  expectedVote,
  type FeaturedUnit,
  type Fitted,
  featuredUnits,
  selectorOf,
} from "./decide.ts";

const fittedSchema = z.strictObject({
  calibration: manifestSchema.shape.calibration,
  selector: manifestSchema.shape.selector,
});

const question = z
  .strictObject({
    labels: z.array(z.string()),
    /** The labels are the options' texts: yes, no. Texts of lettered options are not needed. */
    closed: z.boolean(),
    context: z.boolean(),
    /** The adapter read evidence that the LLM was not shown. */
    unseen: z.boolean(),
    task: z.string(),
    answers: z.array(z.string().nullable()),
    correct: z.array(z.boolean()),
    logits: z.array(z.number()).nullable(),
    /** Parts of the candidates, each in the order in which they came; null: all, as they stand. */
    orders: z.array(z.array(z.int().nonnegative())).nullable(),
  })
  .refine(({ answers, correct, logits, orders }) => {
    const count = answers.length;
    const fits = correct.length === count && (logits === null || logits.length === count);
    return fits && (orders?.every((order) => order.every((at) => at < count)) ?? true);
  }, "one answer, label and logit a candidate, and orders of these candidates");
type WireQuestion = z.infer<typeof question>;

/** Numbers that a fit has to know. `least_candidates`: among fewer parsed ones no confidence is told. */
export function constants() {
  return { least_candidates: LEAST_CANDIDATES };
}

export const selectRequest = z.strictObject({
  fitted: fittedSchema,
  questions: z.array(question),
  /** Features of the answers to tell, of all candidates; empty: none, and no answers either. */
  features: z.array(z.enum(featureNames)),
});

/** What each strategy decides on one part of a question's candidates. */
export interface Part {
  /** Self-consistency as it is served is right: ties fall to the answer that came first. */
  readonly vote: boolean;
  /** The same with ties broken at random: the chance to be right. */
  readonly majority: number;
  readonly best_of: boolean;
  /** The weighted vote: its answer, and whether it is right. */
  readonly answer: string | null;
  readonly right: boolean;
  readonly score: number | null;
  readonly confidence: number | null;
  /** As `Selector` has them. */
  readonly group: number | null;
  readonly parsed: number;
  readonly few: number;
}

export interface SelectReply {
  readonly questions: readonly {
    readonly parts: readonly Part[];
    readonly units: readonly FeaturedUnit[];
  }[];
}

export function selectAll({
  fitted,
  questions,
  features,
}: z.infer<typeof selectRequest>): SelectReply {
  return {
    questions: questions.map((wire) => {
      const ballot = ballotOfWire(wire, fitted);
      const orders = wire.orders ?? [everyCandidate(ballot)];
      return {
        parts: orders.map((order) => partOf(ballot, order)),
        units: features.length === 0 ? [] : featuredUnits(ballot, features),
      };
    }),
  };
}

function partOf(ballot: Ballot, order: readonly number[]): Part {
  const { answer, right, score, confidence } = choiceOf(ballot, order, "weighted_vote");
  return {
    vote: choiceOf(ballot, order, "vote").right,
    majority: expectedVote(ballot, order),
    best_of: choiceOf(ballot, order, "best_of").right,
    answer,
    right,
    score,
    confidence,
    ...selectorOf(ballot, order),
  };
}

export const curveRequest = z.strictObject({
  fitted: fittedSchema,
  /** Candidates of the first wave, and of each later one. */
  first: z.int().positive(),
  step: z.int().positive(),
  thresholds: z.array(z.number().min(0).max(1)).min(1),
  questions: z.array(question),
});

/** By question, order and threshold. */
export interface CurveReply {
  readonly questions: readonly (readonly (readonly Stop[])[])[];
}

export function curveAll(request: z.infer<typeof curveRequest>): CurveReply {
  const { fitted, first, step, thresholds } = request;
  return {
    questions: request.questions.map((wire) => {
      const ballot = ballotOfWire(wire, fitted);
      const orders = wire.orders ?? [everyCandidate(ballot)];
      return orders.map((order) => stops(ballot, { first, step }, thresholds, order));
    }),
  };
}

function ballotOfWire(wire: WireQuestion, fitted: z.infer<typeof fittedSchema>): Ballot {
  const { labels, closed, context, unseen, task, answers, correct, logits } = wire;
  const asked: AskedQuestion = {
    options: labels.map((label) => ({ label, text: closed ? label : "" })),
    hasContext: context,
    evidenceUnseen: unseen,
    task,
    answers,
    correct,
    logits,
  };
  const whole: Fitted = { ...fitted, validatedOn: [], abstention: [] };
  return ballotOf(asked, whole);
}
