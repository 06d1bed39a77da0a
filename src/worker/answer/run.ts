/**
 * Runs a question's pipeline for whoever asks: requests, whole or streamed, and lines of batches. Here alone a question
 * is let through by the ledger, and here alone, in one `finally`, its end is seen to: the places it held are given back,
 * the ledger settles it, its channel counts it, the log gets its figures.
 */
import type { Context } from "hono";
import type { WaitUntil } from "../../net/sharedWork.ts";
import type { Caller } from "../access/caller.ts";
import type { AppEnv, Parts } from "../config/parts.ts";
import { adapterId, type LogFigures, tenths } from "../http/log.ts";
import type { RequestId } from "../http/request.ts";
import { type Admission, type Ending, estimateOf, type Meter, NOTHING } from "../ledger/meter.ts";
import type { Ask } from "./ask.ts";
import type { Outcome } from "./outcome.ts";
import { type AnswerEvent, Pipeline, spendingOf } from "./pipeline.ts";
import { costOf, worstOfPlan } from "./spending.ts";

/** For whom a question is answered, and who hears of it. */
export interface AnswerFor {
  readonly requestId: RequestId;
  readonly caller: Caller;
  readonly meter: Meter;
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly waitUntil: WaitUntil;
  /** Gets the outcome's figures, for the log. */
  readonly figures: LogFigures;
  /** Whether what was thrown is no request of the caller's. What the LLM wrote is counted all the same. */
  readonly isUncounted?: (thrown: unknown) => boolean;
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

/** The pipeline's events; or, as the only one, the answer that an earlier request with the same Idempotency-Key had. */
export type RunEvent = AnswerEvent | Extract<Admission, { kind: "replay" }>;

/**
 * The events of a question. Its outcome is kept where that is asked for, before the final event goes out. Reading throws
 * `Problem`. Who reads no further must `return` the events.
 */
export async function* answerEvents(
  parts: Parts,
  ask: Ask,
  how: AnswerFor,
): AsyncGenerator<RunEvent, void> {
  const { requestId, caller, meter, signal, waitUntil } = how;
  const { writers, planFits, startSpan, config } = parts;
  const rollout = parts.rollouts.get(ask.adapter);
  if (rollout === undefined) throw new Error("an adapter that was read is not there");
  const { plan } = ask.bound;
  const fit = planFits.get(plan.fit ?? "")?.forRequest(ask.fitVersion, waitUntil);
  const adapters = rollout.source({ tenant: caller.tenant, requestId }, ask.pin);
  const [first] = ask.bound.stages;
  const estimate = estimateOf({
    candidates: ask.k,
    promptChars: ask.messages.reduce((sum, { content }) => sum + content.length, 0),
    calls: (first?.members ?? []).map(({ llm, candidates }) => {
      return { llm, candidates: candidates ?? ask.k };
    }),
    adapter: adapters.current()?.ranker.manifest ?? null,
  });
  const admission = meter.open(estimate, worstOf(ask, config.maxTokens));
  let pipeline: Pipeline | null = null;
  let outcome: Outcome | null = null;
  let ending: Ending = "failed";
  try {
    // While the ledger is asked, the question is encoded; the LLM is asked when the ledger has let it through.
    pipeline = new Pipeline(ask, {
      writers,
      fit: fit ?? Promise.resolve(null),
      adapters,
      tenant: caller.tenant,
      deadlineMs: config.llmDeadlineMs,
      maxTokens: config.maxTokens,
      signal,
      waitUntil,
      startSpan,
    });
    const admitted = await admission;
    if (admitted.kind === "replay") {
      yield admitted;
      return;
    }
    for await (const event of pipeline.events()) {
      if (event.kind !== "final") {
        yield event;
        continue;
      }
      outcome = event.outcome;
      ending = "succeeded";
      const keep = ask.store ? parts.keepOutcome : null;
      const stored = keep === null ? null : await keep(outcome, how);
      yield { kind: "final", outcome: { ...outcome, stored } };
    }
  } catch (thrown) {
    if (how.isUncounted?.(thrown)) ending = "uncounted";
    throw thrown;
  } finally {
    pipeline?.close();
    // A question that an adapter refused after the LLM was asked is no request.
    meter.close(pipeline?.refused ? "uncounted" : ending, pipeline?.spent() ?? NOTHING);
    if (outcome !== null) Object.assign(how.figures, outcomeLog(outcome));
    const { spendPercent } = meter;
    if (spendPercent !== null) Object.assign(how.figures, { spendPercent });
    if (outcome?.adapter) {
      const { channel: servedBy, version } = outcome.adapter;
      rollout.answered({ requestId, servedBy, version }, outcome, waitUntil);
    }
  }
}

/** The most that a question can cost, in micro-units; null: the price of an LLM that may be asked is not known. */
function worstOf(ask: Ask, maxTokens: number): number | null {
  const worst = worstOfPlan(ask, spendingOf(ask, maxTokens));
  const bound = ask.maxCost?.micros ?? null;
  // The pipeline begins no call that could pass the request's own bound.
  return worst === null || bound === null ? worst : Math.min(worst, bound);
}

/** The outcome alone, for callers who wait for the whole; or the response of an earlier request that is given again. */
export async function outcomeOf(events: AsyncIterable<RunEvent>): Promise<Outcome | Response> {
  for await (const event of events) {
    if (event.kind === "final") return event.outcome;
    if (event.kind === "replay") return event.response;
  }
  throw new Error("the pipeline ended without an outcome");
}

/** For whom a request is answered. @param signal fires when its client leaves */
export function requester(c: Context<AppEnv>, signal: AbortSignal): AnswerFor {
  return {
    requestId: c.get("requestId"),
    caller: c.get("caller"),
    meter: c.get("meter"),
    signal,
    waitUntil: (work) => c.executionCtx.waitUntil(work),
    figures: c.get("figures"),
  };
}

/** The outcome of a request's question, or the response that is given again. Throws `Problem`. */
export async function wholeAnswer(c: Context<AppEnv>, ask: Ask): Promise<Outcome | Response> {
  const events = answerEvents(c.get("parts"), ask, requester(c, c.get("signal")));
  const outcome = outcomeOf(events);
  // A request whose client left is cancelled without its `finally`: kept alive, it gives its place back.
  c.executionCtx.waitUntil(outcome.catch(() => {}));
  return outcome;
}

/** What the log is told of an outcome. */
function outcomeLog(outcome: Outcome): LogFigures {
  const costMicros = costOf(outcome.used);
  return {
    k: outcome.asked,
    candidates: outcome.candidates.length,
    failed: Object.fromEntries(outcome.failed),
    degraded: outcome.degraded !== null,
    abstained: outcome.selection.abstained !== null,
    stages: 1 + outcome.escalations.length,
    skipped: outcome.skipped.length,
    ...(costMicros === null ? {} : { costMicros }),
    promptTokens: outcome.usage.promptTokens,
    completionTokens: outcome.usage.completionTokens,
    llmMs: tenths(outcome.timing.llmMs),
    afterLlmMs: tenths(outcome.timing.afterLlmMs),
    ...scoringLog(outcome),
  };
}

/** What the log is told of scoring, with an LLM or without. */
export function scoringLog({ adapter, figures }: Pick<Outcome, "adapter" | "figures">): LogFigures {
  return {
    scored: figures.scored,
    scoringMs: tenths(figures.scoringMs),
    ...(figures.prefixMs === null ? {} : { prefixMs: tenths(figures.prefixMs) }),
    ...(adapter === null ? {} : { adapter: adapterId(adapter) }),
  };
}
