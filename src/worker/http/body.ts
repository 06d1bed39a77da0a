/**
 * Reads request bodies. It stands behind authentication: whoever has no key has no memory of ours either. A body is bounded
 * in bytes and in time, because an upload that stalls holds what it has sent, and a connection.
 */
import { createMiddleware } from "hono/factory";
import { waitAtMost } from "../../net/sharedWork.ts";
import type { AppEnv } from "../config/parts.ts";
import { Problem } from "./problems.ts";

/** Milliseconds without a byte, and for a whole body that is held in memory. */
export const STALLED_MS = 10_000;
const WHOLE_BODY_MS = 60_000;

/**
 * The pieces of a body as they come. Reading throws `Problem`: `upload_stalled` where none came for too long, `client_closed`
 * where the client left in the middle.
 */
export async function* piecesOf(
  body: ReadableStream<Uint8Array>,
  stalledMs = STALLED_MS,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  let ended = false;
  try {
    for (;;) {
      const piece = await waitAtMost(reader.read(), stalledMs);
      if (piece === null) throw new Problem("upload_stalled");
      if (piece.done) {
        ended = true;
        return;
      }
      yield piece.value;
    }
  } catch (error) {
    throw error instanceof Problem ? error : new Problem("client_closed");
  } finally {
    // Not waited for: a stream that stalls may not answer to this either.
    if (!ended) reader.cancel().catch(() => {});
  }
}

/** Reads the whole body, at most `maxBytes`, and hands it to what comes next. Throws `Problem`. */
export function wholeBody(maxBytes: number) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const { body, headers, method } = c.req.raw;
    // A GET may come with a body, which nobody reads, and which a request that is made anew must not have.
    if (body !== null && method !== "GET" && method !== "HEAD") {
      if (Number(headers.get("content-length")) > maxBytes) throw new Problem("body_too_large");
      c.req.raw = new Request(c.req.raw, { body: await readWhole(body, maxBytes) });
    }
    await next();
  });
}

async function readWhole(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Blob> {
  const until = Date.now() + WHOLE_BODY_MS;
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const piece of piecesOf(body)) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new Problem("body_too_large");
    // A byte now and then is a stall, too.
    if (Date.now() > until) throw new Problem("upload_stalled");
    pieces.push(piece.slice());
  }
  return new Blob(pieces);
}
