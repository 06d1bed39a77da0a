/** Runs the pipeline for callers who wait for the whole. */
import type { Context } from "hono";
import type { AppEnv } from "../parts.ts";
import { answer, outcomeOf } from "../pipeline/answer.ts";
import type { Ask } from "../pipeline/ask.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import { logOutcome } from "./answerBody.ts";

/** The outcome of a question, its figures in the request's log record. Throws `Problem`. */
export async function wholeAnswer(c: Context<AppEnv>, ask: Ask): Promise<Outcome> {
  const { generator, adapters, config } = c.get("parts");
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
  const signal = c.get("signal");
  const events = answer(ask, {
    generator,
    adapters,
    deadlineMs: config.llmDeadlineMs,
    signal,
    waitUntil,
  });
  const outcome = outcomeOf(events);
  // A request whose client left is cancelled without its `finally`: kept alive, it gives its place back.
  waitUntil(outcome.catch(() => {}));
  const done = await outcome;
  logOutcome(c.get("figures"), done);
  return done;
}
