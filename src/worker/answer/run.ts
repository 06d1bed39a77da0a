/**
 * Starts the pipeline for a request, whole or streamed.
 *
 * Runs the pipeline for callers who wait for the whole.
 *
 * Starts the pipeline with its meter: the one way in for requests, whole or streamed, and for lines of batches.
 */
import type { Context } from "hono";
import type { Caller } from "../access/caller.ts";
import type { Rollout } from "../adapters/rollout.ts";
import type { AppEnv, Parts } from "../config/parts.ts";
import type { RequestId } from "../http/request.ts";
import type { WaitUntil } from "../http/waiting.ts";
import { estimateOf, type Meter } from "../ledger/meter.ts";
import type { Ask } from "./ask.ts";
import { logOutcome } from "./body.ts";
import type { Outcome } from "./outcome.ts";
import { type AnswerEvent, answer, outcomeOf } from "./pipeline.ts";

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

/** The outcome of a question. Throws `Problem`. */
export async function wholeAnswer(c: Context<AppEnv>, ask: Ask): Promise<Outcome> {
  const outcome = outcomeOf(openAnswer(c, ask, c.get("signal")));
  // A request whose client left is cancelled without its `finally`: kept alive, it gives its place back.
  c.executionCtx.waitUntil(outcome.catch(() => {}));
  return outcome;
}

export interface AnswerFor {
  readonly requestId: RequestId;
  readonly caller: Caller;
  readonly meter: Meter;
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly waitUntil: WaitUntil;
}

/** For whom an outcome is kept. */
export type KeepFor = Pick<AnswerFor, "requestId" | "caller" | "waitUntil">;

/** Keeps an outcome, for what is learnt of it later; false where that could not be done. Never rejects. */
export type KeepOutcome = (outcome: Outcome, how: KeepFor) => Promise<boolean>;

declare module "../config/parts.ts" {
  interface Parts {
    /** Null: nothing can be kept, or no feature keeps anything. */
    readonly keepOutcome: KeepOutcome | null;
  }
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
  const estimate = estimateOf({
    candidates: ask.k,
    promptChars,
    adapter: adapters.current()?.ranker.manifest ?? null,
  });
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
  const keep = ask.store ? parts.keepOutcome : null;
  return counting(events, rollout, keep, { requestId, caller, waitUntil });
}

/** The same events; an outcome is counted for its channel when all is done. */
async function* counting(
  events: AsyncGenerator<AnswerEvent, void>,
  rollout: Rollout,
  keep: KeepOutcome | null,
  how: KeepFor,
): AsyncGenerator<AnswerEvent, void> {
  let outcome: Outcome | null = null;
  try {
    for await (const event of events) {
      if (event.kind === "final") {
        outcome = event.outcome;
        const stored = keep === null ? null : await keep(outcome, how);
        yield { kind: "final", outcome: { ...outcome, stored } };
      } else {
        yield event;
      }
    }
  } finally {
    const { requestId, waitUntil } = how;
    // Its place at the adapter has been given back by now.
    if (outcome?.adapter) {
      const { channel: servedBy, version } = outcome.adapter;
      rollout.answered({ requestId, servedBy, version }, outcome, waitUntil);
    }
  }
}
