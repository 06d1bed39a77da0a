/**
 * How many questions may hold an encoded prefix at once, and how much memory that takes. A prefix is about 6 MB for
 * MiniLM-L6, and an isolate has 128 MB for everything. The other questions wait in a bounded line, first come, first
 * served. A waiting question loses little: the LLM writes its candidates meanwhile, and they are scored one after another
 * as soon as it has its place.
 */
import { until } from "../net/sharedWork.ts";
import type { Manifest } from "./manifest.ts";
import { fail, ok, type Result } from "./result.ts";

export interface AdmissionLimits {
  /** Prefixes held at once. */
  readonly places: number;
  /** Questions in the line. */
  readonly queue: number;
}

/** Of a ranker whose engine runs in the isolate. */
export const admissionLimits: AdmissionLimits = { places: 4, queue: 32 };

/** What an overloaded caller is told. */
const RETRY_AFTER_SECONDS = 5;
/**
 * A ticket whose request has shown no sign of life for this long is dropped. A cancelled request runs no `finally` in
 * workerd, so its place would otherwise be lost for good.
 */
export const STALE_MS = 15_000;

export interface Overloaded {
  readonly kind: "overloaded";
  readonly retryAfterSeconds: number;
}

/** A place, or a position in the line for one. */
export interface Ticket {
  /** Resolves true when the ticket has its place, false when it was released or the signal fired before. */
  granted(signal: AbortSignal): Promise<boolean>;
  /** Gives the place or position back. A second call does nothing. */
  release(): void;
}

interface Entry {
  lastSeenMs: number;
  readonly dropped: () => void;
}

const beatMs = 1000;
const pollMs = 10;

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #staleMs: number;
  readonly #holding = new Set<Entry>();
  readonly #waiting: Entry[] = [];

  /** @param staleMs shorter only in tests */
  constructor(limits: AdmissionLimits, staleMs = STALE_MS) {
    this.#limits = limits;
    this.#staleMs = staleMs;
  }

  get held(): number {
    return this.#holding.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Takes a place or a position in the line; fails at once where there is neither.
   * @param dropped called when the ticket is dropped as stale
   */
  enter(dropped: () => void): Result<Ticket, Overloaded> {
    const overloaded = this.refusal();
    if (overloaded !== null) return fail(overloaded);
    const free = this.#free;
    const entry: Entry = { lastSeenMs: Date.now(), dropped };
    if (free) this.#holding.add(entry);
    else this.#waiting.push(entry);
    return ok(this.#ticket(entry));
  }

  /** What `enter` would fail with now; null: it would not fail. */
  refusal(): Overloaded | null {
    this.sweep();
    if (this.#free || this.#waiting.length < this.#limits.queue) return null;
    return { kind: "overloaded", retryAfterSeconds: RETRY_AFTER_SECONDS };
  }

  get #free(): boolean {
    return this.#holding.size < this.#limits.places && this.#waiting.length === 0;
  }

  /** Drops tickets of requests that are gone. */
  sweep(): void {
    const oldest = Date.now() - this.#staleMs;
    for (const entry of [...this.#holding, ...this.#waiting]) {
      if (entry.lastSeenMs >= oldest) continue;
      this.#remove(entry);
      entry.dropped();
    }
  }

  #ticket(entry: Entry): Ticket {
    const beat = setInterval(() => {
      entry.lastSeenMs = Date.now();
    }, beatMs);
    const known = (): boolean => this.#holding.has(entry) || this.#waiting.includes(entry);
    return {
      granted: async (signal) => {
        await until(() => this.#take(entry) || !known(), signal, pollMs);
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
    entry.lastSeenMs = Date.now();
    this.sweep();
    if (this.#waiting[0] !== entry || this.#holding.size >= this.#limits.places) return false;
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
  if (simd !== undefined) return simd * 1.05 + admissionLimits.places * values + 2 * 2 ** 20;
  const onnx = sizeOf("onnx");
  // 48 MB with one place taken for a file of 23; keys and values take four bytes each, twice while they are handed over.
  return onnx === undefined ? 0 : onnx * 1.6 + admissionLimits.places * values * 5.5;
}
