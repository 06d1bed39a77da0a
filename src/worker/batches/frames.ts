/** Several encrypted lines in one object: before each its length, 4 bytes, the most significant first. */

const LENGTH_BYTES = 4;

/** All lines, framed. */
export function framed(lines: readonly Uint8Array[]): Uint8Array {
  const size = lines.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0);
  const whole = new Uint8Array(size);
  const view = new DataView(whole.buffer);
  let at = 0;
  for (const line of lines) {
    view.setUint32(at, line.length);
    whole.set(line, at + LENGTH_BYTES);
    at += LENGTH_BYTES + line.length;
  }
  return whole;
}

/** The lines in an object; null where it is not framed to its end. */
export function linesIn(whole: Uint8Array): Uint8Array[] | null {
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  const lines: Uint8Array[] = [];
  let at = 0;
  while (at < whole.length) {
    if (at + LENGTH_BYTES > whole.length) return null;
    const end = at + LENGTH_BYTES + view.getUint32(at);
    if (end > whole.length) return null;
    lines.push(whole.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return lines;
}
