/**
 * The queue's consumer: answers lines of batches, several at once. A message is acknowledged when its line's outcome is
 * written down, or was before. What may go better later is tried again, with growing pauses; what cannot is an error of
 * its line alone. What the queue gives up lands in the dead-letter queue, whose lines get an error too, so that every
 * batch ends.
 */
import { z } from "zod";
import type { Caller } from "../auth/caller.ts";
import { Problem, type ProblemKind, problemBody } from "../errors/problems.ts";
import { holdMs } from "../ledger/metering.ts";
import { framesOf, type LogFigures } from "../observe/log.ts";
import { newRequestId, type RequestId } from "../observe/requestId.ts";
import type { WaitUntil } from "../rollout/adapterHost.ts";
import type { Parts, PartsResult } from "../wiring/parts.ts";
import { within } from "../within.ts";
import type { BatchBook, LineMessage } from "./batch.ts";
import { BatchContent } from "./content.ts";
import { MAX_ATTEMPTS } from "./lineRows.ts";
import { type LineResult, runLine } from "./runLine.ts";

/** Lines that an isolate answers at once: half of its places at the adapter, so that callers who wait find one. */
const AT_ONCE = 2;
const FIRST_PAUSE_S = 5;
const LONGEST_PAUSE_S = 600;
const LOAD_WAIT_MS = 20_000;

const Message = z.object({
  tenant: z.string(),
  batch: z.string(),
  chunk: z.int().min(0),
  line: z.int().min(0),
  first: z.int().min(0),
});

/** What is not the line's fault. */
const TRY_AGAIN: readonly ProblemKind[] = [
  "upstream_unreachable",
  "upstream_rate_limited",
  "upstream_error",
  "upstream_timeout",
  "upstream_cut",
  "upstream_malformed",
  "upstream_empty",
  "ledger_unavailable",
  "access_unavailable",
  "internal",
];

/** Handles what the queue delivers. Never throws: a message that was not handled comes again. */
export async function consume(
  batch: MessageBatch<unknown>,
  made: PartsResult,
  waitUntil: WaitUntil,
): Promise<void> {
  const waiting = [...batch.messages];
  const dead = batch.queue.endsWith("-dead");
  const work = async () => {
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      const pause = made.ok ? await handled(message.body, made.parts, dead, waitUntil) : null;
      if (pause === "done") message.ack();
      else message.retry({ delaySeconds: pause ?? FIRST_PAUSE_S });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Done, or seconds after which the message is to come again. */
type Handled = "done" | number;

async function handled(
  body: unknown,
  parts: Parts,
  dead: boolean,
  waitUntil: WaitUntil,
): Promise<Handled> {
  const { data: message } = Message.safeParse(body);
  if (message === undefined || parts.batchesOf === null) return "done";
  const book = parts.batchesOf(message.tenant);
  try {
    return await handleLine(message, { book, parts, dead, waitUntil });
  } catch (error) {
    // The book or the bucket cannot be reached; or it is a bug, which nobody would see otherwise.
    const frames = error instanceof Error ? framesOf(error) : [];
    parts.observe({ event: "bug", id: newRequestId(), frames });
    return FIRST_PAUSE_S;
  }
}

interface Context {
  readonly book: BatchBook;
  readonly parts: Parts;
  readonly dead: boolean;
  readonly waitUntil: WaitUntil;
}

async function handleLine(message: LineMessage, context: Context): Promise<Handled> {
  const { book, parts, dead, waitUntil } = context;
  const { batch, line } = message;
  const claim = await book.claim(batch, line, holdMs(parts.config));
  if (claim.kind === "done" || claim.kind === "gone") return "done";
  if (claim.kind === "running") return Math.ceil(claim.forMs / 1000);
  const requestId = newRequestId();
  if (claim.kind === "exhausted" || dead) {
    return write(message, context, requestId, lost);
  }
  const began = Date.now();
  const figures: LogFigures = {};
  const caller = JSON.parse(claim.caller) as Caller;
  // Better late than by vote: nobody waits for this line. A look may be another request's that was killed.
  const looks = [...parts.rollouts.values()].map((rollout) => rollout.look(waitUntil));
  await within(Promise.all(looks), LOAD_WAIT_MS);
  const text = await lineText(message, parts);
  const refused = text === null ? new Problem("batch_lost") : await keyProblem(caller, parts);
  const result: LineResult =
    refused === null && text !== null
      ? await runLine(text, { parts, caller, requestId, waitUntil, figures })
      : { customId: null, ok: false, problem: refused ?? new Problem("batch_lost") };
  const problem = result.ok ? null : result.problem;
  const ms = Date.now() - began;
  parts.observe({
    event: "line",
    id: requestId,
    status: problem?.status ?? 200,
    ms,
    ...(problem === null ? {} : { problem: problem.kind }),
    ...figures,
  });
  if (problem?.kind === "overloaded") {
    await book.letGo(batch, line, false);
    return pauseFor(problem, 1);
  }
  if (problem !== null && TRY_AGAIN.includes(problem.kind) && claim.attempt < MAX_ATTEMPTS) {
    await book.letGo(batch, line, true);
    return pauseFor(problem, claim.attempt);
  }
  return write(message, context, requestId, result);
}

const lost: LineResult = { customId: null, ok: false, problem: new Problem("batch_lost") };

async function lineText(message: LineMessage, parts: Parts): Promise<string | null> {
  const lines = await (await contentOf(message, parts)).readChunk(message.chunk);
  return lines?.[message.line - message.first] ?? null;
}

/** A key that was revoked since answers nothing more. Throws where the store cannot say. */
async function keyProblem(caller: Caller, parts: Parts): Promise<Problem | null> {
  if (caller.how !== "key") return null;
  const record = (await parts.doors.keys?.find(caller.keyId)) ?? null;
  return record === null || record.revoked !== null ? new Problem("invalid_api_key") : null;
}

function pauseFor({ details }: Problem, attempt: number): number {
  const growing = FIRST_PAUSE_S * 2 ** (attempt - 1);
  return Math.min(Math.max(growing, Math.ceil(details.retryAfterSeconds ?? 0)), LONGEST_PAUSE_S);
}

function contentOf({ tenant, batch }: LineMessage, { content }: Parts): Promise<BatchContent> {
  if (content === null) throw new Error("no content is kept here");
  return BatchContent.of(content.bucket, content.secret, tenant, batch);
}

/** Writes the outcome down in the form of OpenAI's output and error files. */
async function write(
  message: LineMessage,
  { book, parts }: Context,
  requestId: RequestId,
  result: LineResult,
): Promise<Handled> {
  const { batch, line } = message;
  const content = await contentOf(message, parts);
  const problem = result.ok ? null : result.problem;
  const body = result.ok ? result.body : problemBody(result.problem, requestId);
  const written = {
    id: `${batch}_${line + 1}`,
    custom_id: result.customId,
    line: line + 1,
    response: { status_code: problem?.status ?? 200, request_id: requestId, body },
    error: "error" in body ? { code: body.error.code, message: body.error.message } : null,
  };
  const failed = problem !== null;
  const sealed = await content.seal(failed ? "errors" : "results", written);
  await book.finish(batch, line, { failed, sealed });
  return "done";
}
