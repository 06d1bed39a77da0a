/**
 * Reads the lines of a new batch as they come in, and keeps them chunk by chunk. Never holds more of the body in memory
 * than one chunk and one line.
 */

import { piecesOf } from "../http/body.ts";
import { Problem } from "../http/problems.ts";
import type { Uploaded } from "./batch.ts";
import { batchProblems } from "./schema.ts";

/** As OpenAI's. */
export const MAX_LINES = 50_000;
/** Bytes of a line: a request's bound. */
const MAX_LINE_BYTES = 1024 * 1024;
/** Bytes of a batch, whatever its lines are: blank and too long ones count too. The platform's bound for a request. */
const MAX_BYTES = 100_000_000;
/** A chunk ends when it has this many lines or characters. */
const CHUNK_LINES = 100;
const CHUNK_CHARS = 500_000;

/** Stored in place of a line that is too long. No other line is empty. */
export const TOO_LONG = "";

export interface UploadParts {
  /** Stores a chunk. Does nothing if the lines were stored before. */
  readonly put: (chunk: number, lines: readonly string[]) => Promise<void>;
  readonly chain: (before: string, lines: readonly string[]) => Promise<string>;
}

/** Throws `Problem`: no line at all, too many, too much. */
export async function upload(
  body: ReadableStream<Uint8Array>,
  { put, chain }: UploadParts,
): Promise<Uploaded> {
  const chunks: number[] = [];
  let fingerprint = "";
  let lines = 0;
  let chunk: string[] = [];
  let size = 0;
  let putting: Promise<void> = Promise.resolve();
  const end = async () => {
    if (chunk.length === 0) return;
    const kept = chunk;
    fingerprint = await chain(fingerprint, kept);
    await putting; // one chunk is written while the next is read
    putting = put(chunks.length, kept);
    putting.catch(() => {}); // awaited later
    chunks.push(lines - kept.length);
    chunk = [];
    size = 0;
  };
  for await (const line of jsonLines(bounded(body), MAX_LINE_BYTES)) {
    const text = line === "too_long" ? TOO_LONG : line.text;
    lines += 1;
    size += text.length;
    chunk.push(text);
    if (lines > MAX_LINES) throw new Problem(batchProblems.batch_too_large);
    if (chunk.length >= CHUNK_LINES || size >= CHUNK_CHARS) await end();
  }
  await end();
  await putting;
  if (lines === 0) {
    const fields = [{ field: "body", reason: "must have at least one line" }];
    throw new Problem("invalid_request", { fields });
  }
  return { chunks, lines, fingerprint };
}

/** The body, as long as it is not too much. Throws `Problem`. */
async function* bounded(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let total = 0;
  for await (const bytes of piecesOf(body)) {
    total += bytes.length;
    if (total > MAX_BYTES) throw new Problem(batchProblems.batch_too_large);
    yield bytes;
  }
}

const NEWLINE = 0x0a;

/** A line, or why there is none. */
export type Line = { readonly text: string } | "too_long";

/**
 * Lines that are not blank, without their line ends. Bytes that are no UTF-8 become U+FFFD.
 * @param maxBytes the longest line; a longer one is skipped and yields `too_long`
 */
export async function* jsonLines(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Line, void> {
  let parts: Uint8Array[] = [];
  let size = 0;
  const take = (bytes: Uint8Array) => {
    size += bytes.length;
    if (size <= maxBytes) parts.push(bytes);
    else parts = [];
  };
  const end = (): Line | null => {
    const line = size > maxBytes ? "too_long" : lineOf(parts);
    parts = [];
    size = 0;
    return line;
  };
  for await (const bytes of body) {
    let from = 0;
    for (let to = bytes.indexOf(NEWLINE); to >= 0; to = bytes.indexOf(NEWLINE, from)) {
      take(bytes.subarray(from, to));
      from = to + 1;
      const line = end();
      if (line !== null) yield line;
    }
    take(bytes.slice(from));
  }
  const last = end();
  if (last !== null) yield last;
}

/** Space, tab, carriage return. */
const BLANKS = [0x20, 0x09, 0x0d];

function lineOf(parts: readonly Uint8Array[]): Line | null {
  // A body may be millions of blank lines, and a decoder costs a microsecond.
  if (parts.every((part) => part.every((byte) => BLANKS.includes(byte)))) return null;
  const decoder = new TextDecoder(); // passes over a byte order mark
  const text = parts.map((part) => decoder.decode(part, { stream: true })).join("");
  const whole = (text + decoder.decode()).trim();
  return whole === "" ? null : { text: whole };
}
