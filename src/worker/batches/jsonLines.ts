/** Lines of a body as it comes in, never more of it in memory than one line. */

const NEWLINE = 0x0a;

/** A line, or why there is none. */
export type Line = { readonly text: string } | "too_long";

/**
 * Lines that are not blank, without their line ends. Bytes that are no UTF-8 become U+FFFD.
 * @param maxBytes of a line; a longer one is passed over and told of
 */
export async function* jsonLines(
  body: ReadableStream<Uint8Array>,
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

function lineOf(parts: readonly Uint8Array[]): Line | null {
  const decoder = new TextDecoder(); // passes over a byte order mark
  const text = parts.map((part) => decoder.decode(part, { stream: true })).join("");
  const whole = (text + decoder.decode()).trim();
  return whole === "" ? null : { text: whole };
}
