/** A stored answer: what was asked with `store: true`, what came of it, and later how it turned out. */
import { z } from "zod";
import type { Caller } from "../auth/caller.ts";
import type { Outcome } from "../pipeline/outcome.ts";

/** How an answer turned out: the right option, whether the chosen answer was right, or stars. */
export const Verdict = z.union([
  z.strictObject({ gold: z.string() }),
  z.strictObject({ correct: z.boolean() }),
  z.strictObject({ rating: z.int().min(1).max(5) }),
]);
export type Verdict = z.infer<typeof Verdict>;

export const FeedbackRecord = z.strictObject({
  schema: z.literal(1),
  id: z.string(),
  /** Who asked, as in `Caller`. */
  principal: z.string(),
  createdAt: z.iso.datetime(),
  task: z.string(),
  llm: z.string(),
  /** `name@version`; null where none scored. */
  adapter: z.string().nullable(),
  question: z.string(),
  context: z.string().nullable(),
  /** Absent where there was none, so that an earlier version of the Worker reads the record too. */
  evidence: z.string().optional(),
  options: z.array(z.tuple([z.string(), z.string()])),
  candidates: z.array(
    z.strictObject({
      text: z.string(),
      answer: z.string().nullable(),
      score: z.number().nullable(),
    }),
  ),
  /** Its place among the candidates; null: abstained. */
  chosen: z.int().nullable(),
  outcome: Verdict.nullable(),
  trusted: z.boolean(),
});
export type FeedbackRecord = z.infer<typeof FeedbackRecord>;

/** What is kept of an outcome. */
export function recordOf(id: string, outcome: Outcome, caller: Caller, now: Date): FeedbackRecord {
  const { ask, adapter, chosen } = outcome;
  const candidates = outcome.candidates.filter(({ state }) => state !== "empty");
  const place = chosen === null ? -1 : candidates.indexOf(chosen);
  return {
    schema: 1,
    id,
    principal: caller.principal,
    createdAt: now.toISOString(),
    task: ask.task.id,
    llm: ask.model,
    adapter: adapter === null ? null : `${adapter.name}@${adapter.version}`,
    question: ask.question.question,
    context: ask.question.context,
    ...(ask.question.evidence === undefined ? {} : { evidence: ask.question.evidence }),
    options: ask.question.options.map(({ label, text }) => [label, text]),
    candidates: candidates.map(({ text, answer, logit }) => ({ text, answer, score: logit })),
    chosen: place < 0 ? null : place,
    outcome: null,
    trusted: false,
  };
}

/** The record as a line of the file that training reads (docs/data.md). */
export function trainingLine(record: FeedbackRecord, tenant: string): object {
  return {
    id: record.id,
    tenant,
    trusted: record.trusted,
    question: record.question,
    options: Object.fromEntries(record.options),
    context: record.context,
    evidence: record.evidence ?? null,
    llm: record.llm,
    task: record.task,
    adapter: record.adapter,
    candidates: record.candidates.map(({ text, answer }) => ({ text, answer })),
    scores: record.candidates.map(({ score }) => score),
    chosen: record.chosen,
    outcome: record.outcome,
  };
}
