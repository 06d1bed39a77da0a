/**
 * Events of several sources in the order in which they come, with their times. Reading starts at once and never waits for
 * the consumer, so that the LLM's time is not measured as longer when scoring is slower.
 */

export interface Arrival<Value> {
  readonly value: Value;
  /** `performance.now()` when it came. */
  readonly atMs: number;
}

/** To end early, end the sources: each is read to its end. One reader, one `next` at a time. */
export class Arrivals<Value> {
  readonly #onArrival: (value: Value) => void;
  readonly #waiting: Arrival<Value>[] = [];
  #open = 0;
  #fault: { readonly thrown: unknown } | null = null;
  #wake = () => {};

  /** @param onArrival told of each value when it comes, before the consumer gets it */
  constructor(onArrival: (value: Value) => void = () => {}) {
    this.#onArrival = onArrival;
  }

  /** Begins to read. @returns resolves when the source has ended, whichever way */
  async add(source: AsyncIterable<Value>): Promise<void> {
    this.#open += 1;
    try {
      for await (const value of source) {
        this.#waiting.push({ value, atMs: performance.now() });
        this.#onArrival(value);
        this.#wake();
      }
    } catch (thrown) {
      this.#fault ??= { thrown };
    } finally {
      this.#open -= 1;
      this.#wake();
    }
  }

  /** The next value; null: all sources have ended. Throws what a source threw, after what came before. */
  async next(): Promise<Arrival<Value> | null> {
    for (;;) {
      const arrival = this.#waiting.shift();
      if (arrival !== undefined) return arrival;
      if (this.#fault !== null) throw this.#fault.thrown;
      if (this.#open === 0) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
