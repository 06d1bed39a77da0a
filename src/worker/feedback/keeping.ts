/**
 * Keeps the outcome of a question that was asked with `store: true`, before its answer goes out.
 *
 * A stored answer: what was asked with `store: true`, what came of it, and later how it turned out.
 *
 * An answer's id as its stored record is named: the same for `/v1/answer` and for chat completions.
 */

import { z } from "zod";
import type { Caller } from "../access/caller.ts";
import type { WaitUntil } from "../adapters/watch.ts";
import type { Outcome } from "../answer/outcome.ts";
import type { AnswerEvent } from "../answer/pipeline.ts";
import type { Parts } from "../config/parts.ts";
import type { RequestId } from "../http/log.ts";
import { waitAtMost } from "../http/waiting.ts";
import { FeedbackStore } from "./store.ts";

/** A slow store holds no answer up for longer; the answer then says that it is not kept. */
const PATIENCE_MS = 5_000;

export interface KeepFor {
  readonly parts: Parts;
  readonly requestId: RequestId;
  readonly caller: Caller;
  readonly waitUntil: WaitUntil;
}

/** The same events; the last one says whether its outcome is kept. */
export async function* keeping(
  events: AsyncGenerator<AnswerEvent, void>,
  how: KeepFor,
): AsyncGenerator<AnswerEvent, void> {
  for await (const event of events) {
    if (event.kind !== "final") {
      yield event;
      continue;
    }
    let stored = false;
    const kept = () => {
      stored = true;
    };
    const keeps = keep(event.outcome, how).then(kept, () => {});
    await waitAtMost(keeps, PATIENCE_MS);
    // What is said not to be kept is not, though it be written later, or was and the store failed to say so.
    if (!stored) how.waitUntil(keeps.then(() => forget(how)).catch(() => {}));
    yield { kind: "final", outcome: { ...event.outcome, stored } };
  }
}

async function keep(outcome: Outcome, { parts, requestId, caller }: KeepFor): Promise<void> {
  const { content, config } = parts;
  const id = feedbackId(requestId);
  if (content === null || id === null) throw new Error("nothing can be kept");
  const now = new Date();
  const store = await FeedbackStore.of(content, caller.tenant);
  await store.put(recordOf(id, outcome, caller, now), now.getTime() + config.feedbackKeepMs);
}

async function forget({ parts, requestId, caller }: KeepFor): Promise<void> {
  const id = feedbackId(requestId);
  if (parts.content === null || id === null) return;
  await (await FeedbackStore.of(parts.content, caller.tenant)).remove(id);
}

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

const FORM = /^(?:req_|chatcmpl-)([0-9a-f]{32})$/;

/** Null where the text is no answer's id. */
export function feedbackId(answerId: string): string | null {
  return FORM.exec(answerId)?.[1] ?? null;
}
