/** Lines out of bytes that come in any pieces, and objects of several encrypted lines. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { framed, linesIn } from "../../../src/worker/batches/content.ts";
import { jsonLines } from "../../../src/worker/batches/upload.ts";

const utf8 = new TextEncoder();

function inPieces(bytes: Uint8Array, cuts: readonly number[]): ReadableStream<Uint8Array> {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  return new ReadableStream({
    start(stream) {
      at.slice(1).forEach((to, i) => {
        stream.enqueue(bytes.slice(at[i], to));
      });
      stream.close();
    },
  });
}

async function linesOf(text: string | Uint8Array, cuts: readonly number[] = [], maxBytes = 1_000) {
  const bytes = typeof text === "string" ? utf8.encode(text) : text;
  const found: string[] = [];
  for await (const line of jsonLines(inPieces(bytes, cuts), maxBytes)) {
    found.push(line === "too_long" ? "TOO LONG" : line.text);
  }
  return found;
}

describe("lines of a body", () => {
  it("are the same however it is cut", async () => {
    const line = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => {
      return text.trim() === text && !/[\r\n\u2028]/.test(text) && text.isWellFormed();
    });
    const cuts = fc.array(fc.nat(5_000));
    const property = async (lines: string[], end: string, at: number[]) => {
      expect(await linesOf(lines.join(end), at)).toEqual(lines);
    };
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.constantFrom("\n", "\r\n", "\n\n \n"), cuts, property),
    );
  });

  it("end with the body, and do not begin with its byte order mark", async () => {
    expect(await linesOf("\ufeffa\nb")).toEqual(["a", "b"]);
    expect(await linesOf("")).toEqual([]);
    expect(await linesOf("\n\r\n")).toEqual([]);
  });

  it("that are too long are told of, and no other is lost", async () => {
    const long = "x".repeat(11);
    expect(await linesOf(`a\n${long}\nb\n${long}`, [5, 7], 10)).toEqual([
      "a",
      "TOO LONG",
      "b",
      "TOO LONG",
    ]);
    expect(await linesOf("x".repeat(10), [3], 10)).toEqual(["x".repeat(10)]);
  });

  it("that are no UTF-8 are read all the same", async () => {
    expect(await linesOf(new Uint8Array([0x61, 0xff, 0x0a, 0x62]))).toEqual(["a\ufffd", "b"]);
  });
});

describe("framed lines", () => {
  it("come back as they went in", () => {
    const lines = fc.array(fc.uint8Array());
    fc.assert(
      fc.property(lines, (given) => {
        expect(linesIn(framed(given))).toEqual(given);
      }),
    );
  });

  it("that are cut are not read", () => {
    const whole = framed([utf8.encode("one"), utf8.encode("two")]);
    for (let length = 1; length < whole.length; length += 1) {
      if (length !== 7) expect(linesIn(whole.slice(0, length))).toBeNull();
    }
  });
});
