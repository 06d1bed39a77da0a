/**
 * The queue's consumer: answers lines of batches, several at once.
 *
 * A message is acknowledged when the line's outcome is stored. A failure that may pass is tried again after growing
 * pauses; any other failure becomes the error of that line. If there is no room, or a store is down, the line waits for
 * as long as the queue delivers it. Messages that the queue gives up land in the dead-letter queue. Their lines get an
 * error too, so every batch ends.
 */
import { z } from "zod";
import { type WaitUntil, waitAtMost } from "../../net/sharedWork.ts";
import type { Caller } from "../access/caller.ts";
import type { Parts, PartsResult } from "../config/parts.ts";
import { framesOf, type LogFigures } from "../http/log.ts";
import { Problem, type ProblemKind, problemBody } from "../http/problems.ts";
import { newRequestId, type RequestId } from "../http/request.ts";
import { holdMs } from "../ledger/meter.ts";
import type { Claim, LineMessage, TenantBatches } from "./batch.ts";
import {
  contentOf,
  isBackpressure,
  isObjectLost,
  type LineResult,
  lineInput,
  runLine,
  StoreFault,
} from "./line.ts";
import { MAX_ATTEMPTS } from "./lineTables.ts";
import { batchProblems } from "./schema.ts";

/** Lines that an isolate answers at once: half of its places at the adapter, so waiting callers find one. */
const AT_ONCE = 2;
const FIRST_PAUSE_S = 5;
/** Seconds. Our own pauses grow to the first. A longer pause that the LLM asks for is kept, up to the second. */
const GROWN_PAUSE_S = 300;
const LONGEST_PAUSE_S = 600;
const LOAD_WAIT_MS = 20_000;

const Place = z.object({
  tenant: z.string(),
  batch: z.string(),
  chunk: z.int().min(0),
  line: z.int().min(0),
  first: z.int().min(0),
});

/** Failures that are not the line's fault and may last. Each counts as an attempt. */
const TRY_AGAIN: readonly ProblemKind[] = [
  "adapter_unavailable",
  "upstream_unreachable",
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
      const pause = made.ok
        ? await handled(message, made.parts, dead, waitUntil)
        : pauseAfter(message.attempts);
      if (pause === "done") message.ack();
      else message.retry({ delaySeconds: pause });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Done, or seconds after which the message is to come again. */
type Handled = "done" | number;

async function handled(
  { body, attempts }: Message<unknown>,
  parts: Parts,
  dead: boolean,
  waitUntil: WaitUntil,
): Promise<Handled> {
  const { data: place } = Place.safeParse(body);
  if (place === undefined || parts.batchesOf === null) return "done";
  const batches = parts.batchesOf(place.tenant);
  try {
    return await handleLine(place, { batches, parts, dead, waitUntil, deliveries: attempts });
  } catch (error) {
    const id = newRequestId();
    const store =
      error instanceof StoreFault ? error.store : isObjectLost(error) ? "batches" : null;
    // Anything else is a bug, and nobody would see it otherwise.
    const frames = error instanceof Error ? framesOf(error) : [];
    parts.observe(store === null ? { event: "bug", id, frames } : { event: "store", id, store });
    return pauseAfter(attempts);
  }
}

interface Context {
  readonly batches: TenantBatches;
  readonly parts: Parts;
  readonly dead: boolean;
  readonly waitUntil: WaitUntil;
  /** How often the queue has brought the message, from 1. */
  readonly deliveries: number;
}

async function handleLine(message: LineMessage, context: Context): Promise<Handled> {
  const { batches, parts, dead } = context;
  const { batch, line } = message;
  const claim = await batches.claim(batch, line, holdMs(parts.config));
  if (claim.kind === "done" || claim.kind === "gone") return "done";
  if (claim.kind === "running") return Math.ceil(claim.forMs / 1000);
  if (claim.kind === "exhausted" || dead)
    return write(message, context, newRequestId(), failed(new Problem(batchProblems.batch_lost)));
  try {
    return await claimed(message, context, claim);
  } catch (error) {
    // Free the line now, not when its lease ends. A store that is down costs no attempt.
    await batches.letGo(batch, line, !(error instanceof StoreFault)).catch(() => {});
    throw error;
  }
}

async function claimed(
  message: LineMessage,
  context: Context,
  claim: Extract<Claim, { kind: "yours" }>,
): Promise<Handled> {
  const { batches, parts, waitUntil } = context;
  const { batch, line } = message;
  const requestId = newRequestId();
  const began = Date.now();
  const figures: LogFigures = {};
  const caller = JSON.parse(claim.caller) as Caller;
  // Nobody waits for this line, so a late answer with scores is better than a vote.
  const looks = [...parts.rollouts.values()].map((rollout) => rollout.refresh(waitUntil));
  await waitAtMost(Promise.all(looks), LOAD_WAIT_MS);
  const input = await lineInput(message, caller, parts);
  const result: LineResult =
    typeof input === "string"
      ? await runLine(input, { parts, caller, requestId, waitUntil, figures })
      : failed(input);
  const problem = result.ok ? null : result.problem;
  parts.observe({
    event: "line",
    id: requestId,
    status: problem?.status ?? 200,
    ms: Date.now() - began,
    ...(problem === null ? {} : { problem: problem.kind }),
    ...figures,
  });
  if (problem !== null && isBackpressure(problem)) {
    await batches.letGo(batch, line, false);
    return pauseFor(problem, context.deliveries);
  }
  if (problem !== null && TRY_AGAIN.includes(problem.kind) && claim.attempt < MAX_ATTEMPTS) {
    await batches.letGo(batch, line, true);
    return pauseFor(problem, claim.attempt);
  }
  return write(message, context, requestId, result);
}

/** The outcome of a line that was not read. */
const failed = (problem: Problem): LineResult => ({
  customId: null,
  ok: false,
  problem,
  urgentText: null,
});

/** Seconds after the try of this number: twice as long each time. */
function pauseAfter(tries: number): number {
  return Math.min(FIRST_PAUSE_S * 2 ** (tries - 1), GROWN_PAUSE_S);
}

function pauseFor({ details }: Problem, tries: number): number {
  const asked = Math.ceil(details.retryAfterSeconds ?? 0);
  return Math.max(pauseAfter(tries), Math.min(asked, LONGEST_PAUSE_S));
}

/** Writes the outcome down in the form of OpenAI's output and error files. */
async function write(
  message: LineMessage,
  { batches, parts }: Context,
  requestId: RequestId,
  result: LineResult,
): Promise<Handled> {
  const { batch, line } = message;
  const content = await contentOf(message, parts);
  const problem = result.ok ? null : result.problem;
  const body = result.ok ? result.body : problemBody(result.problem, requestId, result.urgentText);
  const written = {
    id: `${batch}_${line + 1}`,
    custom_id: result.customId,
    line: line + 1,
    response: { status_code: problem?.status ?? 200, request_id: requestId, body },
    error: "error" in body ? { code: body.error.code, message: body.error.message } : null,
  };
  const sealed = await content.seal(result.ok ? "results" : "errors", written);
  await batches.finish(batch, line, { failed: !result.ok, sealed });
  return "done";
}
