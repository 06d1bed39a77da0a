/** Runs the pipeline for callers who wait for the whole. */
import type { Context } from "hono";
import { outcomeOf } from "../pipeline/answer.ts";
import type { Ask } from "../pipeline/ask.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import type { AppEnv } from "../wiring/parts.ts";
import { openAnswer } from "./openAnswer.ts";

/** The outcome of a question. Throws `Problem`. */
export async function wholeAnswer(c: Context<AppEnv>, ask: Ask): Promise<Outcome> {
  const outcome = outcomeOf(openAnswer(c, ask, c.get("signal")));
  // A request whose client left is cancelled without its `finally`: kept alive, it gives its place back.
  c.executionCtx.waitUntil(outcome.catch(() => {}));
  return outcome;
}
