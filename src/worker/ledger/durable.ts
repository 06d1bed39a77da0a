/**
 * Durable Objects from outside and inside: a stub by name, calls that may be repeated, and bytes in SQLite, which takes
 * values up to 2 MB: in parts, one row each.
 */

/**
 * The object of this name. A stub whose object failed stays broken: take a new one for each call.
 * @param jurisdiction where the object must live and stay, or null for wherever it is first asked for
 */
export function stubOf<Methods extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<Methods>,
  name: string,
  jurisdiction: DurableObjectJurisdiction | null,
): DurableObjectStub<Methods> {
  // Throws in local workerd, which knows no jurisdictions.
  const place = jurisdiction === null ? namespace : namespace.jurisdiction(jurisdiction);
  return place.get(place.idFromName(name));
}

const TRIES = 3;

/**
 * The value of a call that does the same however often it is made: an object that was lost on the way is asked again.
 * Throws what the last try throws.
 */
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
