/** Starts the pipeline with its meter: the one way in for requests, whole or streamed, and for lines of batches. */
import type { WaitUntil } from "../adapterHost.ts";
import type { Caller } from "../auth/caller.ts";
import { keeping } from "../feedback/keeping.ts";
import { estimateOf } from "../ledger/estimate.ts";
import type { Meter } from "../ledger/meter.ts";
import type { Parts } from "../parts.ts";
import type { RequestId } from "../requestId.ts";
import { type AnswerEvent, answer } from "./answer.ts";
import type { Ask } from "./ask.ts";

export interface AnswerFor {
  readonly requestId: RequestId;
  readonly caller: Caller;
  readonly meter: Meter;
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly waitUntil: WaitUntil;
}

/** The events of a question; its outcome is kept where that is asked for. Throws `Problem`, at once or when read. */
export function meteredAnswer(
  parts: Parts,
  ask: Ask,
  { requestId, caller, meter, signal, waitUntil }: AnswerFor,
): AsyncGenerator<AnswerEvent, void> {
  const { generator, adapters, config, startSpan } = parts;
  const { tenant } = caller;
  const deadlineMs = config.llmDeadlineMs;
  const promptChars = ask.messages.reduce((sum, { content }) => sum + content.length, 0);
  const estimate = estimateOf({ candidates: ask.k, promptChars }, adapters);
  const work = (admitted: Promise<void>) =>
    answer(ask, {
      generator,
      adapters,
      tenant,
      deadlineMs,
      signal,
      waitUntil,
      meter,
      admitted,
      startSpan,
    });
  const events = meter.events(estimate, work, ({ kind }) => kind === "final");
  return ask.store ? keeping(events, { parts, requestId, caller }) : events;
}
