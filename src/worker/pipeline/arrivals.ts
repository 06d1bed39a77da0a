/** Reads a source as fast as it writes, whatever its reader does, and notes when each value came. */

export interface Arrival<Value> {
  readonly value: Value;
  /** `performance.now()` when it came. */
  readonly atMs: number;
}

/**
 * Values of `source` in order, with their times. Reading starts at once and never waits for the consumer, so that the
 * LLM's time is not measured as longer when scoring is slower. To end early, end the source.
 * @param onArrival told of each value when it comes, before the consumer gets it
 */
export function arrivals<Value>(
  source: AsyncIterable<Value>,
  onArrival: (value: Value) => void = () => {},
): AsyncGenerator<Arrival<Value>, void> {
  const waiting: Arrival<Value>[] = [];
  let wake = () => {};
  let ended = false;
  const reading = (async () => {
    for await (const value of source) {
      waiting.push({ value, atMs: performance.now() });
      onArrival(value);
      wake();
    }
  })();
  const end = () => {
    ended = true;
    wake();
  };
  reading.then(end, end);
  return (async function* () {
    while (true) {
      const next = waiting.shift();
      if (next !== undefined) {
        yield next;
      } else if (ended) {
        await reading; // throws what the source threw
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  })();
}
