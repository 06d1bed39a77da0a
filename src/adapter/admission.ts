/**
 * How many questions may hold an encoded prefix at once, and how much memory that takes. A prefix is about 6 MB for
 * MiniLM-L6, and an isolate has 128 MB for everything. The other questions wait in a bounded line, first come, first
 * served. A waiting question loses little: the LLM writes its candidates meanwhile, and they are scored one after another
 * as soon as it has its place.
 */
import { until } from "../net/sharedWork.ts";
import type { Manifest } from "./manifest.ts";
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

/**
 * Bytes that a bundle will hold of an isolate's 128 MB once it is loaded, told from its manifest alone, with every place
 * of the admission taken, rather too many than too few. Held against docs/performance.md: our
 * engine with models/mini 30.9 MB measured, 33.4 here; ONNX Runtime Web 75.1 and 75.9. A bundle that runs elsewhere
 * (neither packed weights nor a graph) holds nothing here.
 */
export function heapEstimate({ files, base, budget }: Manifest): number {
  const sizeOf = (role: string) => files.find((file) => file.role === role)?.bytes;
  const values = base.layers * 2 * budget.prefixTokens * base.hidden;
  const simd = sizeOf("simd");
  // Keys and values take a byte each; working space beside the weights was 1.7 MB, and the tokenizer is in JavaScript.
  if (simd !== undefined) return simd * 1.05 + admissionDefaults.places * values + 2 * 2 ** 20;
  const onnx = sizeOf("onnx");
  // 48 MB with one place taken for a file of 23; keys and values take four bytes each, twice while they are handed over.
  return onnx === undefined ? 0 : onnx * 1.6 + admissionDefaults.places * values * 5.5;
}
