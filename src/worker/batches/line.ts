/**
 * A line of a batch, from its stored text to its outcome: what `/v1/answer` would say to the same body. Before the LLM is
 * asked, we check that the sender's key is still valid.
 */
import { z } from "@hono/zod-openapi";
import type { WaitUntil } from "../../net/sharedWork.ts";
import type { Caller } from "../access/caller.ts";
import { type Notices, noticesOf } from "../answer/emergencyNotice.ts";
import { readAnswerAsk, wholeBody } from "../answer/route.ts";
import { answerEvents, outcomeOf } from "../answer/run.ts";
import { type AnswerBody, AnswerRequest } from "../answer/schema.ts";
import type { Parts } from "../config/parts.ts";
import { problemOf, schemaProblem } from "../http/faults.ts";
import { readJson } from "../http/json.ts";
import type { LogFigures } from "../http/log.ts";
import { Problem, type ProblemKind } from "../http/problems.ts";
import type { RequestId } from "../http/request.ts";
import { holdMs, Meter } from "../ledger/meter.ts";
import { isHeldUp } from "../ledger/spend.ts";
import type { LineMessage } from "./batch.ts";
import { BatchContent } from "./content.ts";
import { batchProblems } from "./schema.ts";
import { TOO_LONG } from "./upload.ts";

/** A line in the form of OpenAI's Batch API. A line may also be the body alone. */
const Wrapped = z.object({
  custom_id: z.string().max(512).nullish(),
  method: z.literal("POST").optional(),
  url: z.literal("/v1/answer").optional(),
  body: z.unknown(),
});

export type LineResult = { readonly customId: string | null } & (
  | { readonly ok: true; readonly body: AnswerBody }
  /** `urgentText` is set if the question, as far as we could read it, tells of an emergency. */
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
const NO_ROOM: readonly ProblemKind[] = ["overloaded", "upstream_rate_limited", "upstream_quota"];

/** Whether the line should wait. It may be tried any number of times, so its tries cost the sender no request. */
export function isBackpressure(thrown: unknown): boolean {
  return thrown instanceof Problem && (NO_ROOM.includes(thrown.kind) || isHeldUp(thrown));
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
    const notices = noticesOf(parsed.data.question, context.parts.config);
    urgentText = notices.urgentText;
    return { customId, ok: true, body: await answerBody(parsed.data, notices, context) };
  } catch (thrown) {
    return { customId, ok: false, problem: problemOf(thrown, context.requestId), urgentText };
  }
}

function readLine(text: string): { customId: string | null; body: unknown } {
  if (text === TOO_LONG) throw new Problem("body_too_large");
  const value = readJson(text);
  const isWrapped = typeof value === "object" && value !== null && "body" in value;
  if (!isWrapped) return { customId: null, body: value };
  const wrapped = Wrapped.safeParse(value);
  if (!wrapped.success) throw schemaProblem(wrapped.error);
  return { customId: wrapped.data.custom_id ?? null, body: wrapped.data.body };
}

async function answerBody(
  body: ReturnType<typeof AnswerRequest.parse>,
  notices: Notices,
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
  });
  const signal = new AbortController().signal; // nobody waits, so nobody leaves
  try {
    const isUncounted = isBackpressure;
    const how = { requestId, caller, meter, signal, waitUntil, figures, isUncounted };
    const outcome = await outcomeOf(answerEvents(parts, ask, how));
    if (outcome instanceof Response) throw new Error("a line has no Idempotency-Key");
    return wholeBody(requestId, outcome, {
      notices,
      include: body.include,
      currency: config.currency,
    });
  } finally {
    await meter.settled; // counted before the line is done
  }
}

/** A store cannot be read now. This is neither the line's fault nor a bug. The LLM was not asked. */
export class StoreFault extends Error {
  readonly store: "content" | "keys";

  constructor(store: StoreFault["store"]) {
    super(store);
    this.store = store;
  }
}

/** Whether a call of the Durable Object failed because of the platform, for example at its restart. The error says so. */
export function isObjectLost(thrown: unknown): boolean {
  const marks = ["retryable", "overloaded", "durableObjectReset"];
  return thrown instanceof Error && marks.some((mark) => Reflect.get(thrown, mark) === true);
}

/** The line's text, or why it is not to be asked. Throws `StoreFault`. */
export async function lineInput(
  message: LineMessage,
  caller: Caller,
  parts: Parts,
): Promise<string | Problem> {
  const text = await lineText(message, parts);
  if (text === null) return new Problem(batchProblems.batch_lost);
  return (await keyProblem(caller, parts)) ?? text;
}

export function contentOf(
  { tenant, batch }: LineMessage,
  { content }: Parts,
): Promise<BatchContent> {
  if (content === null) throw new Error("no content is kept here");
  return BatchContent.of(content.bucket, content.secret, tenant, batch);
}

async function lineText(message: LineMessage, parts: Parts): Promise<string | null> {
  const content = await contentOf(message, parts);
  const lines = await content.readChunk(message.chunk).catch(() => {
    throw new StoreFault("content");
  });
  return lines?.[message.line - message.first] ?? null;
}

/** A problem if the key was revoked after the upload. */
async function keyProblem(caller: Caller, parts: Parts): Promise<Problem | null> {
  if (caller.how !== "key") return null;
  const found = parts.credentials.keys?.find(caller.keyId).catch(() => {
    throw new StoreFault("keys");
  });
  const record = (await found) ?? null;
  return record === null || record.revoked !== null ? new Problem("invalid_api_key") : null;
}
