/** What batches read: lines out of a body of any bytes in any pieces, and frames that someone damaged. */
import fc from "fast-check";
import { expect } from "vitest";
import { framed, linesIn } from "../../src/worker/batches/content.ts";
import { jsonLines } from "../../src/worker/batches/upload.ts";
import { fuzz } from "./fuzz.ts";

const MAX_BYTES = 12;
const someBytes = fc.oneof(
  fc.constantFrom(0x0a, 0x0d, 0x20, 0x7b, 0xc3, 0xa9, 0xf0, 0xff, 0xef, 0xbb, 0xbf),
  fc.nat(255),
);

async function linesOf(pieces: readonly Uint8Array[]) {
  const found: string[] = [];
  const body = new ReadableStream<Uint8Array>({
    start(stream) {
      for (const piece of pieces) stream.enqueue(piece);
      stream.close();
    },
  });
  for await (const line of jsonLines(body, MAX_BYTES)) {
    found.push(line === "too_long" ? "TOO LONG" : line.text);
  }
  return found;
}

/** The same without streaming: split, then decode. */
function expected(bytes: readonly number[]): string[] {
  const lines: number[][] = [[]];
  for (const byte of bytes) {
    if (byte === 0x0a) lines.push([]);
    else lines.at(-1)?.push(byte);
  }
  return lines
    .map((line) =>
      line.length > MAX_BYTES ? "TOO LONG" : new TextDecoder().decode(Uint8Array.from(line)).trim(),
    )
    .filter((line) => line !== "");
}

fuzz(
  "lines are those of the whole body, however its bytes arrive",
  0.03,
  fc.array(fc.array(someBytes, { maxLength: 20 }), { maxLength: 8 }),
  async (pieces) => {
    const found = await linesOf(pieces.map((piece) => Uint8Array.from(piece)));
    expect(found).toEqual(expected(pieces.flat()));
  },
);

fuzz(
  "bytes are frames to their last one, or none",
  0.04,
  fc.oneof(
    fc.uint8Array({ maxLength: 24 }),
    fc
      .tuple(fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 4 }), fc.nat(3))
      .map(([lines, cut]) => framed(lines).slice(0, -cut || undefined)),
  ),
  (bytes) => {
    const lines = linesIn(bytes);
    if (lines !== null) expect(framed(lines)).toEqual(bytes);
  },
);
