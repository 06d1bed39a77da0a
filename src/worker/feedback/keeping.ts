/**
 * Keeps the outcome of a question that was asked with `store: true`, before its answer goes out: what was asked, what
 * came of it, and later how it turned out. Its record is named by the answer's id.
 */

import { isSpoken } from "../../llm/generator.ts";
import { waitAtMost } from "../../net/sharedWork.ts";
import type { Caller } from "../access/caller.ts";
import type { Outcome } from "../answer/outcome.ts";
import type { KeepOutcome } from "../answer/run.ts";
import type { Parts } from "../config/parts.ts";
import { type FeedbackRecord, FeedbackStore } from "./store.ts";

/** Milliseconds that an answer waits for the store. After that it goes out and says that it is not stored. */
const PATIENCE_MS = 5_000;

/** Keeps outcomes in the bucket, each until its time is over. */
export function keepOutcomeIn(content: NonNullable<Parts["content"]>, keepMs: number): KeepOutcome {
  const storeOf = (tenant: string) => FeedbackStore.of(content, tenant);
  return async (outcome, { requestId, caller, waitUntil }) => {
    const id = feedbackId(requestId);
    if (id === null) return false;
    let stored = false;
    const keeping = (async () => {
      const now = new Date();
      const store = await storeOf(caller.tenant);
      await store.put(recordOf(id, outcome, caller, now), now.getTime() + keepMs);
      stored = true;
    })().catch(() => {});
    await waitAtMost(keeping, PATIENCE_MS);
    if (stored) return true;
    // We answer `stored: false`. If the write succeeds later, delete it.
    const forget = async () => {
      await keeping;
      await (await storeOf(caller.tenant)).remove(id);
    };
    waitUntil(forget().catch(() => {}));
    return false;
  };
}

/** What is kept of an outcome. */
export function recordOf(id: string, outcome: Outcome, caller: Caller, now: Date): FeedbackRecord {
  const { ask, adapter, chosen } = outcome;
  const candidates = outcome.candidates.filter(isSpoken);
  const place = chosen === null ? -1 : candidates.indexOf(chosen);
  return {
    schema: 1,
    id,
    principal: caller.principal,
    createdAt: now.toISOString(),
    task: ask.task.id,
    llm: outcome.writer ?? ask.model,
    adapter: adapter === null ? null : `${adapter.name}@${adapter.version}`,
    question: ask.question.question,
    context: ask.question.context,
    ...(ask.question.evidence === undefined ? {} : { evidence: ask.question.evidence }),
    options: ask.question.options.map(({ label, text }) => [label, text]),
    candidates: candidates.map(({ text, answer, logit, llm }) => ({
      text,
      answer,
      score: logit,
      // An earlier version of the Worker can read the record, too, where there is no plan.
      ...(outcome.writer === null ? { llm: llm.model } : {}),
    })),
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
    candidates: record.candidates.map(({ text, answer, llm }) => ({
      text,
      answer,
      ...(llm === undefined ? {} : { llm }),
    })),
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
