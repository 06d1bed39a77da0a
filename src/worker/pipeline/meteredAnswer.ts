/** Starts the pipeline with its meter: the one way in for requests, whole or streamed, and for lines of batches. */
import type { Caller } from "../auth/caller.ts";
import { keeping } from "../feedback/keeping.ts";
import { estimateOf } from "../ledger/estimate.ts";
import type { Meter } from "../ledger/meter.ts";
import type { RequestId } from "../observe/requestId.ts";
import type { WaitUntil } from "../rollout/pointerWatch.ts";
import type { Rollout } from "../rollout/rollout.ts";
import type { Parts } from "../wiring/parts.ts";
import { type AnswerEvent, answer } from "./answer.ts";
import type { Ask } from "./ask.ts";
import type { Outcome } from "./outcome.ts";

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
  const { generator, config, startSpan } = parts;
  const rollout = parts.rollouts.get(ask.adapter);
  if (rollout === undefined) throw new Error("an adapter that was read is not there");
  const { tenant } = caller;
  const adapters = rollout.source({ tenant, requestId }, ask.pin);
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
  const counted = counting(events, rollout, { requestId, waitUntil });
  return ask.store ? keeping(counted, { parts, requestId, caller, waitUntil }) : counted;
}

/** The same events; an outcome is counted for its channel when all is done. */
async function* counting(
  events: AsyncGenerator<AnswerEvent, void>,
  rollout: Rollout,
  { requestId, waitUntil }: Pick<AnswerFor, "requestId" | "waitUntil">,
): AsyncGenerator<AnswerEvent, void> {
  let outcome: Outcome | null = null;
  try {
    for await (const event of events) {
      if (event.kind === "final") outcome = event.outcome;
      yield event;
    }
  } finally {
    // Its place at the adapter has been given back by now.
    if (outcome?.adapter) {
      const { channel: servedBy, version } = outcome.adapter;
      rollout.answered({ requestId, servedBy, version }, outcome, waitUntil);
    }
  }
}
