/**
 * What requests of one isolate share, and how one request waits for the work of another.
 *
 * The rule: a promise belongs to the request that made it. No request awaits another's promise, and no promise lies in
 * shared state. Shared state is plain data. Each waiter reads it again after a pause on a timer of its own.
 *
 * The reason is workerd. When a request is cancelled (its client left), its promises never settle. A request that awaits
 * one of them hangs, or the runtime ends it because nothing else can wake it up.
 */

/** `ctx.waitUntil` of a request: the work goes on after the response, and for a while after the client has left. */
export type WaitUntil = (work: Promise<unknown>) => void;

/** Lets other requests and their I/O take a turn; resolves after about `ms` milliseconds, or when the signal fires. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

/**
 * What `work` resolves to, or null after `ms` milliseconds; the work goes on. For work of one's own: see the rule above.
 * @throws what the work throws in time
 */
export async function waitAtMost<Value>(work: Promise<Value>, ms: number): Promise<Value | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves true when `condition` holds, false when the signal fires first. */
export async function until(
  condition: () => boolean,
  signal: AbortSignal,
  everyMs: number,
): Promise<boolean> {
  while (!signal.aborted) {
    if (condition()) return true;
    await pause(everyMs);
  }
  return false;
}

/** Milliseconds between two looks of a waiter. */
const POLL_MS = 10;

/** One run of the work. Plain data: every request may read it. */
interface Flight {
  readonly begunAt: number;
  /** The work has resolved or rejected. */
  ended: boolean;
}

/** One request's part in `SingleFlight.run`. */
export interface SharedRun<Value> {
  /** Reads what the work leaves in shared state; null: it is not there yet. A kept failure is a value too. */
  readonly current: () => Value | null;
  /** Does the work, and leaves in shared state what `current` reads. */
  readonly work: () => Promise<Value>;
  readonly waitUntil: WaitUntil;
  /** The longest wait for other requests' work, in milliseconds. Work of one's own is awaited to its end. */
  readonly waitMs: number;
}

/**
 * Runs a piece of work at most once at a time, for all requests of an isolate.
 *
 * The request that begins it owns the promise and gives it to its own `waitUntil`. Another request polls until the work
 * has ended and then reads the shared state. An error reaches the owner alone.
 *
 * A cancelled request stops without a word. So work that has taken `staleMs` counts as dead, and another request may
 * begin it again. Should the first one end after all, it does not end the second: but it writes to the shared state as
 * well, so what it writes must not harm then.
 *
 * @example
 * const flight = new SingleFlight(60_000); // beside the state, in module scope or an object that lives there
 * const keys = await flight.run({ current: () => cache.fresh(), work: () => load(cache), waitUntil, waitMs: 5_000 });
 */
export class SingleFlight {
  readonly #staleMs: number;
  #flight: Flight | null = null;

  /** @param staleMs longer than the work ever takes, in milliseconds */
  constructor(staleMs: number) {
    this.#staleMs = staleMs;
  }

  /** The work runs, and does not count as dead. */
  get underWay(): boolean {
    return this.#flight !== null && !this.#isDead(this.#flight);
  }

  /**
   * Begins the work, unless it is under way.
   * @returns the work's promise, for the caller alone; null: another request's work is under way
   */
  begin<Value>(work: () => Promise<Value>, waitUntil: WaitUntil): Promise<Value> | null {
    if (this.underWay) return null;
    const flight: Flight = { begunAt: Date.now(), ended: false };
    this.#flight = flight;
    const own = this.#fly(flight, work);
    // The caller is told of a rejection; the runtime would report it once more.
    waitUntil(own.catch(() => {}));
    return own;
  }

  /**
   * Waits for the work that is under way now.
   * @param waitMs the longest wait, in milliseconds
   * @returns true: it has ended, or there is none; false: it still runs after `waitMs`, or it is dead. Never rejects.
   */
  async ended(waitMs: number): Promise<boolean> {
    const flight = this.#flight;
    if (flight === null) return true;
    const giveUpAt = Date.now() + waitMs;
    while (!flight.ended) {
      const leftMs = giveUpAt - Date.now();
      if (leftMs <= 0 || this.#isDead(flight)) return false;
      await pause(Math.min(POLL_MS, leftMs));
    }
    return true;
  }

  /**
   * The value from shared state; where it is not there, from work begun here or by another request.
   * A request waits for another's work only once: where that has ended without a value, this one gets null too, so that
   * work that fails is not begun again by every waiter in turn.
   * @returns null: other requests' work left no value, or left none within `waitMs`
   * @throws what the work throws, where this request began it
   */
  async run<Value>({ current, work, waitUntil, waitMs }: SharedRun<Value>): Promise<Value | null> {
    const giveUpAt = Date.now() + waitMs;
    for (;;) {
      const value = current();
      if (value !== null) return value;
      const own = this.begin(work, waitUntil);
      if (own !== null) return own;
      const leftMs = giveUpAt - Date.now();
      if (leftMs <= 0 || (await this.ended(leftMs))) return current();
    }
  }

  async #fly<Value>(flight: Flight, work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } finally {
      flight.ended = true;
      // Taken for dead, it may have a successor by now.
      if (this.#flight === flight) this.#flight = null;
    }
  }

  #isDead({ begunAt }: Flight): boolean {
    return Date.now() - begunAt >= this.#staleMs;
  }
}

/** How often someone who waits at a gate looks again. Milliseconds. */
const GATE_POLL_MS = 20;

/**
 * Lets at most so many pieces of work through at once, over all requests of an isolate. A place that was not given back
 * is free again after `leaseMs`: its request was cancelled.
 *
 * @example
 * const leave = await gate.enter(signal); // null: the signal fired first
 * try { ... } finally { leave?.(); }
 */
export class Gate {
  readonly #places: number;
  readonly #leaseMs: number;
  /** Ends of the leases, milliseconds since 1970. */
  readonly #leases = new Set<{ readonly until: number }>();

  constructor(places: number, leaseMs: number) {
    this.#places = places;
    this.#leaseMs = leaseMs;
  }

  async enter(signal: AbortSignal): Promise<(() => void) | null> {
    if (!(await until(() => this.#hasPlace(), signal, GATE_POLL_MS))) return null;
    const lease = { until: Date.now() + this.#leaseMs };
    this.#leases.add(lease);
    return () => this.#leases.delete(lease);
  }

  #hasPlace(): boolean {
    const now = Date.now();
    for (const lease of this.#leases) if (lease.until <= now) this.#leases.delete(lease);
    return this.#leases.size < this.#places;
  }
}
