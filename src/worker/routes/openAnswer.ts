/** Starts the pipeline for a request, whole or streamed. */
import type { Context } from "hono";
import type { AnswerEvent } from "../pipeline/answer.ts";
import type { Ask } from "../pipeline/ask.ts";
import { meteredAnswer } from "../pipeline/meteredAnswer.ts";
import type { AppEnv } from "../wiring/parts.ts";
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
  const events = meteredAnswer(c.get("parts"), ask, {
    requestId: c.get("requestId"),
    caller: c.get("caller"),
    meter: c.get("meter"),
    signal,
    waitUntil: (work) => c.executionCtx.waitUntil(work),
  });
  return logged(c, events);
}

async function* logged(
  c: Context<AppEnv>,
  events: AsyncIterable<AnswerEvent>,
): AsyncGenerator<AnswerEvent, void> {
  for await (const event of events) {
    if (event.kind === "final") logOutcome(c.get("figures"), event.outcome);
    yield event;
  }
}
