/** What a batch holds in all is bounded by its bytes, whatever its lines are. */
import { describe, expect, it } from "vitest";
import { upload } from "../../../src/worker/batches/upload.ts";

const MB = 1_000_000;

/** Pieces of a megabyte, as many as are read: how many were. */
function endless(piece: string) {
  const bytes = new TextEncoder().encode(piece.repeat(MB / piece.length));
  let read = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(stream) {
        read += 1;
        stream.enqueue(bytes);
      },
    },
    { highWaterMark: 0 },
  );
  return { body, read: () => read };
}

const parts = { put: async () => {}, chain: async () => "" };

describe("a batch of which nothing is kept", () => {
  it.each([
    ["one line without an end", "x"],
    ["blank lines", "\n"],
    ["lines of blanks", " \n  "],
  ])("%s ends at the bound", async (_, piece) => {
    const given = endless(piece);
    await expect(upload(given.body, parts)).rejects.toMatchObject({ kind: "batch_too_large" });
    expect(given.read()).toBe(101);
  });
});
