/**
 * Calls of Durable Objects that do the same however often they are made.
 *
 * Bytes in a Durable Object's SQLite, which takes values up to 2 MB: in parts, one row each.
 */

const TRIES = 3;

/** The call's value; an object that was lost on the way is asked again. Throws what the last try throws. */
export async function retried<Value>(call: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50 * tries));
    }
  }
}

const PART_BYTES = 1_000_000;

/** The parts in their order; none of nothing. */
export function partsOf(bytes: Uint8Array): ArrayBuffer[] {
  const parts: ArrayBuffer[] = [];
  for (let from = 0; from < bytes.length; from += PART_BYTES) {
    parts.push(new Uint8Array(bytes.subarray(from, from + PART_BYTES)).buffer);
  }
  return parts;
}

/** The bytes that the parts were made of. */
export function joined(parts: readonly ArrayBuffer[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(new Uint8Array(part), at);
    at += part.byteLength;
  }
  return whole;
}
