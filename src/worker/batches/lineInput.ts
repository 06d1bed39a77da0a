/** What is read before a line is asked: its text, and whether its sender's key still holds. */
import type { Caller } from "../auth/caller.ts";
import { Problem } from "../errors/problems.ts";
import type { Parts } from "../wiring/parts.ts";
import type { LineMessage } from "./batch.ts";
import { BatchContent } from "./content.ts";

/** A store that cannot be read now: no fault of the line, and no bug. Nothing was asked yet. */
export class StoreFault extends Error {
  readonly store: "content" | "keys";

  constructor(store: StoreFault["store"]) {
    super(store);
    this.store = store;
  }
}

/** Whether a call of the batches' object failed by the platform's fault, as when it is started anew: it says so. */
export function isBookLost(thrown: unknown): boolean {
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
  if (text === null) return new Problem("batch_lost");
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

/** A key that was revoked since answers nothing more. */
async function keyProblem(caller: Caller, parts: Parts): Promise<Problem | null> {
  if (caller.how !== "key") return null;
  const found = parts.doors.keys?.find(caller.keyId).catch(() => {
    throw new StoreFault("keys");
  });
  const record = (await found) ?? null;
  return record === null || record.revoked !== null ? new Problem("invalid_api_key") : null;
}
