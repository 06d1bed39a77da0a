/** A line of a batch, from its text to its outcome: what `/v1/answer` would say to the same body. */
import { z } from "@hono/zod-openapi";
import type { Caller } from "../auth/caller.ts";
import { type Care, careOf } from "../care.ts";
import { problemOf } from "../errors/onError.ts";
import { Problem, type ProblemKind } from "../errors/problems.ts";
import { Meter } from "../ledger/meter.ts";
import { holdMs } from "../ledger/metering.ts";
import type { LogFigures } from "../observe/log.ts";
import type { RequestId } from "../observe/requestId.ts";
import { outcomeOf } from "../pipeline/answer.ts";
import { meteredAnswer } from "../pipeline/meteredAnswer.ts";
import type { WaitUntil } from "../rollout/adapterHost.ts";
import { readAnswerAsk, wholeBody } from "../routes/answerAsk.ts";
import { logOutcome } from "../routes/answerBody.ts";
import { type AnswerBody, AnswerRequest } from "../schemas/answer.ts";
import { schemaProblem } from "../schemas/faults.ts";
import type { Parts } from "../wiring/parts.ts";
import { TOO_LONG } from "./upload.ts";

/** A line as OpenAI's Batch API has it; a line may also be the body alone. */
const Wrapped = z.object({
  custom_id: z.string().max(512).nullish(),
  method: z.literal("POST").optional(),
  url: z.literal("/v1/answer").optional(),
  body: z.unknown(),
});

export type LineResult = { readonly customId: string | null } & (
  | { readonly ok: true; readonly body: AnswerBody }
  /** With what stands first where its question, as far as it could be read, tells of an emergency. */
  | { readonly ok: false; readonly problem: Problem; readonly urgentText: string | null }
);

export interface LineContext {
  readonly parts: Parts;
  readonly caller: Caller;
  readonly requestId: RequestId;
  readonly waitUntil: WaitUntil;
  /** What the log is told. */
  readonly figures: LogFigures;
}

/** No room now, here or at the LLM. */
const NO_ROOM: readonly ProblemKind[] = ["overloaded", "upstream_rate_limited"];

/** Whether a line should wait: it may be tried any number of times, so that its tries cost its sender no request. */
export function isBackpressure(thrown: unknown): boolean {
  return thrown instanceof Problem && NO_ROOM.includes(thrown.kind);
}

/** Answers the line. Never throws: what goes wrong is the line's problem. */
export async function runLine(text: string, context: LineContext): Promise<LineResult> {
  let customId: string | null = null;
  let urgentText: string | null = null;
  try {
    const line = readLine(text);
    customId = line.customId;
    const parsed = AnswerRequest.safeParse(line.body);
    if (!parsed.success) throw schemaProblem(parsed.error);
    const care = careOf(parsed.data.question, context.parts.config);
    urgentText = care.urgentText;
    return { customId, ok: true, body: await answerBody(parsed.data, care, context) };
  } catch (thrown) {
    return { customId, ok: false, problem: problemOf(thrown, context.requestId), urgentText };
  }
}

function readLine(text: string): { customId: string | null; body: unknown } {
  if (text === TOO_LONG) throw new Problem("body_too_large");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Problem("malformed_json");
  }
  const isWrapped = typeof value === "object" && value !== null && "body" in value;
  if (!isWrapped) return { customId: null, body: value };
  const wrapped = Wrapped.safeParse(value);
  if (!wrapped.success) throw schemaProblem(wrapped.error);
  return { customId: wrapped.data.custom_id ?? null, body: wrapped.data.body };
}

async function answerBody(
  body: ReturnType<typeof AnswerRequest.parse>,
  care: Care,
  { parts, caller, requestId, waitUntil, figures }: LineContext,
): Promise<AnswerBody> {
  const { config } = parts;
  const ask = await readAnswerAsk(body, parts, caller);
  const meter = new Meter({
    ledger: parts.ledgerOf(caller.tenant),
    caller,
    requestId,
    holdMs: holdMs(config),
    idempotency: null,
    waitUntil,
    isFree: isBackpressure,
  });
  const signal = new AbortController().signal; // nobody waits, so nobody leaves
  try {
    const events = meteredAnswer(parts, ask, { requestId, caller, meter, signal, waitUntil });
    const outcome = await outcomeOf(events);
    logOutcome(figures, outcome);
    return wholeBody(requestId, outcome, care, body.include);
  } finally {
    await meter.ended; // counted before the line is done
  }
}
