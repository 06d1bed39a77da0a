/** Starts the pipeline for a request: the one way in for whole answers and streams. */
import type { Context } from "hono";
import { estimateOf } from "../ledger/estimate.ts";
import type { AppEnv } from "../parts.ts";
import { type AnswerEvent, answer } from "../pipeline/answer.ts";
import type { Ask } from "../pipeline/ask.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import { logOutcome } from "./answerBody.ts";

/**
 * The events of a question, its figures in the request's log record. Throws `Problem`.
 * @param signal fires when the client leaves
 */
export function openAnswer(
  c: Context<AppEnv>,
  ask: Ask,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void> {
  const { generator, rollout, config } = c.get("parts");
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
  const deadlineMs = config.llmDeadlineMs;
  const meter = c.get("meter");
  const promptChars = ask.messages.reduce((sum, { content }) => sum + content.length, 0);
  const { tenant } = c.get("caller");
  const adapters = rollout.source({ tenant, requestId: c.get("requestId") }, ask.pin);
  const estimate = estimateOf({ candidates: ask.k, promptChars }, adapters);
  const work = (admitted: Promise<void>) =>
    answer(ask, { generator, adapters, tenant, deadlineMs, signal, waitUntil, meter, admitted });
  return logged(
    c,
    meter.events(estimate, work, ({ kind }) => kind === "final"),
  );
}

/** Notes the outcome when it has been read, in the log and in the counts. */
async function* logged(
  c: Context<AppEnv>,
  events: AsyncIterable<AnswerEvent>,
): AsyncGenerator<AnswerEvent, void> {
  let outcome: Outcome | null = null;
  try {
    for await (const event of events) {
      if (event.kind === "final") {
        outcome = event.outcome;
        logOutcome(c.get("figures"), outcome);
      }
      yield event;
    }
  } finally {
    // Its place at the adapter has been given back by now.
    if (outcome?.adapter) {
      const { channel: servedBy, version } = outcome.adapter;
      const ended = { requestId: c.get("requestId"), servedBy, version };
      const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
      c.get("parts").rollout.answered(ended, outcome, waitUntil);
    }
  }
}
