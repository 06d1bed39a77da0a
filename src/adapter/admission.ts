/**
 * How many questions may hold an encoded prefix at once. A prefix is about 6 MB for MiniLM-L6, and an
 * isolate has 128 MB for everything, so the rest wait in a bounded line, first come, first served.
 * A waiting question loses little: its candidates are being written meanwhile, and when its place
 * comes they are scored one after another.
 */
import { until } from "./pause.ts";
import { fail, ok, type Result } from "./result.ts";

export interface AdmissionOptions {
  /** Prefixes held at once. */
  readonly places: number;
  /** Questions in the line. */
  readonly queue: number;
  /** What an overloaded caller is told. */
  readonly retryAfterSeconds: number;
  /**
   * A ticket whose request has shown no sign of life for this long is dropped. A cancelled request
   * runs no `finally` in workerd, so a place could otherwise be lost for good.
   */
  readonly staleMs: number;
  readonly now: () => number;
}

export const admissionDefaults: AdmissionOptions = {
  places: 4,
  queue: 32,
  retryAfterSeconds: 5,
  staleMs: 15_000,
  now: () => Date.now(),
};

export interface Overloaded {
  readonly kind: "overloaded";
  readonly retryAfterSeconds: number;
}

/** A place, or the claim to one. */
export interface Ticket {
  /** Resolves true when the place is there, false when released or aborted before. */
  granted(signal: AbortSignal): Promise<boolean>;
  /** Gives the place (or the claim) back; more than one call does no harm. */
  release(): void;
}

interface Entry {
  lastSeenMs: number;
  readonly dropped: () => void;
}

const beatMs = 1000;
const lookMs = 10;

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #holding = new Set<Entry>();
  readonly #waiting: Entry[] = [];

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  get held(): number {
    return this.#holding.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a place or a position in the line, or says at once that there is neither. `dropped` is called when the ticket goes stale. */
  enter(dropped: () => void): Result<Ticket, Overloaded> {
    const overloaded = this.refusal();
    if (overloaded !== null) return fail(overloaded);
    const free = this.#free;
    const entry: Entry = { lastSeenMs: this.#options.now(), dropped };
    if (free) this.#holding.add(entry);
    else this.#waiting.push(entry);
    return ok(this.#ticket(entry));
  }

  /** Whether `enter` would find no place now, nor a position in the line. */
  refusal(): Overloaded | null {
    this.sweep();
    const { queue, retryAfterSeconds } = this.#options;
    if (this.#free || this.#waiting.length < queue) return null;
    return { kind: "overloaded", retryAfterSeconds };
  }

  get #free(): boolean {
    return this.#holding.size < this.#options.places && this.#waiting.length === 0;
  }

  /** Drops tickets of requests that are gone. */
  sweep(): void {
    const oldest = this.#options.now() - this.#options.staleMs;
    for (const entry of [...this.#holding, ...this.#waiting]) {
      if (entry.lastSeenMs >= oldest) continue;
      this.#remove(entry);
      entry.dropped();
    }
  }

  #ticket(entry: Entry): Ticket {
    const beat = setInterval(() => {
      entry.lastSeenMs = this.#options.now();
    }, beatMs);
    const known = (): boolean => this.#holding.has(entry) || this.#waiting.includes(entry);
    return {
      granted: async (signal) => {
        await until(() => this.#take(entry) || !known(), signal, lookMs);
        return this.#holding.has(entry);
      },
      release: () => {
        clearInterval(beat);
        this.#remove(entry);
      },
    };
  }

  /** Moves the entry to a place if it is first in the line and one is free. */
  #take(entry: Entry): boolean {
    if (this.#holding.has(entry)) return true;
    entry.lastSeenMs = this.#options.now();
    this.sweep();
    if (this.#waiting[0] !== entry || this.#holding.size >= this.#options.places) return false;
    this.#waiting.shift();
    this.#holding.add(entry);
    return true;
  }

  #remove(entry: Entry): void {
    this.#holding.delete(entry);
    const position = this.#waiting.indexOf(entry);
    if (position >= 0) this.#waiting.splice(position, 1);
  }
}
