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

/**
 * What one owner may hold: all places but one, half of them while others wait, and three quarters of the line. So there is
 * always a place for somebody else, however long one owner's LLM hangs.
 */
const LINE_SHARE = 0.75;

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
  /** Null: nobody's, and bounded by the places alone. */
  readonly owner: string | null;
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
   * @param owner whose it is: one owner does not get all there is
   */
  enter(dropped: () => void, owner: string | null = null): Result<Ticket, Overloaded> {
    const overloaded = this.refusal(owner);
    if (overloaded !== null) return fail(overloaded);
    const entry: Entry = { owner, lastSeenMs: Date.now(), dropped };
    if (this.#isFree(owner)) this.#holding.add(entry);
    else this.#waiting.push(entry);
    return ok(this.#ticket(entry));
  }

  /** What `enter` would fail with now; null: it would not fail. */
  refusal(owner: string | null = null): Overloaded | null {
    this.sweep();
    const { queue } = this.#limits;
    const own = owner === null ? 0 : this.#waiting.filter((one) => one.owner === owner).length;
    const room = this.#waiting.length < queue && own < Math.ceil(queue * LINE_SHARE);
    if (this.#isFree(owner) || room) return null;
    return { kind: "overloaded", retryAfterSeconds: RETRY_AFTER_SECONDS };
  }

  /** Whether a place could be taken at once: nobody waits who could take it. */
  #isFree(owner: string | null): boolean {
    return this.#mayHold(owner) && !this.#waiting.some((one) => this.#mayHold(one.owner));
  }

  #mayHold(owner: string | null): boolean {
    const { places } = this.#limits;
    if (this.#holding.size >= places) return false;
    if (owner === null || places === 1) return true;
    const held = [...this.#holding].filter((one) => one.owner === owner).length;
    const others = this.#waiting.some((one) => one.owner !== owner);
    return held < (others ? Math.ceil(places / 2) : places - 1);
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

  /** Moves the entry to a place if one is free, and it is the first in the line that may have it. */
  #take(entry: Entry): boolean {
    if (this.#holding.has(entry)) return true;
    entry.lastSeenMs = Date.now();
    this.sweep();
    if (this.#waiting.find((one) => this.#mayHold(one.owner)) !== entry) return false;
    this.#waiting.splice(this.#waiting.indexOf(entry), 1);
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
