/**
 * Encoded questions, kept for a while after their request has ended. A second request about the same question
 * (a retry, another K, more candidates to rerank) then begins with scoring.
 *
 * The key is the SHA-256 of the owner and the token ids, so that no text is held. Owners never share an entry: a hit is
 * faster than a miss, so a stranger could tell from the time that somebody has asked the same.
 *
 * Shared state is plain data (`net/sharedWork.ts`): two requests that encode the same question do not wait for each other.
 */
import { type EncoderInput, type Engine, EngineError, type Prefix } from "./engine.ts";

export interface PrefixCacheLimits {
  /** Most unused prefixes kept. */
  readonly entries: number;
  /** Most bytes that they hold together. */
  readonly bytes: number;
  /** A prefix unused for so many milliseconds is dropped when the cache is next used. */
  readonly maxAgeMs: number;
}

/** Of a ranker in an isolate. */
export const prefixCacheLimits: PrefixCacheLimits = {
  entries: 4,
  bytes: 8 * 2 ** 20,
  maxAgeMs: 10 * 60_000,
};

/** A prefix lent to one request. */
export interface LentPrefix {
  readonly prefix: Prefix;
  /** It was in the cache. */
  readonly reused: boolean;
  /** Gives it back. A second call does nothing. */
  release(): void;
}

interface Entry {
  readonly key: string | null;
  readonly prefix: Prefix;
  users: number;
  usedAt: number;
}

export class PrefixCache {
  readonly #engine: Engine;
  readonly #limits: PrefixCacheLimits;
  /** By key, least recently used first. Entries without users are idle. */
  readonly #entries = new Map<string, Entry>();
  #open = true;

  constructor(engine: Engine, limits: PrefixCacheLimits) {
    this.#engine = engine;
    this.#limits = limits;
  }

  /** Number of unused prefixes kept. */
  get idle(): number {
    return this.#idleEntries().length;
  }

  /**
   * The prefix of `input`, from the cache or encoded now. Rejects with `EngineError`.
   * @param owner whose question it is; null: the cache is not used
   */
  async take(owner: string | null, input: EncoderInput): Promise<LentPrefix> {
    this.#trim();
    const key = owner === null ? null : await keyOf(owner, input.ids);
    const known = key === null ? undefined : this.#entries.get(key);
    if (known !== undefined) return this.#lend(known, true);
    const prefix = await this.#encode(input);
    const entry: Entry = { key, prefix, users: 0, usedAt: 0 };
    // Two requests may have encoded the same question at once: the first one's prefix is kept.
    if (key !== null && this.#open && !this.#entries.has(key)) this.#entries.set(key, entry);
    return this.#lend(entry, false);
  }

  /** Frees the unused prefixes. From now on nothing is kept. */
  close(): void {
    this.#open = false;
    for (const entry of this.#idleEntries()) this.#drop(entry);
  }

  /** Encodes; where memory is short, frees the unused prefixes and tries again. */
  async #encode(input: EncoderInput): Promise<Prefix> {
    try {
      return await this.#engine.encodePrefix(input);
    } catch (error) {
      const short = error instanceof EngineError && error.reason === "out_of_memory";
      const idle = this.#idleEntries();
      if (!short || idle.length === 0) throw error;
      for (const entry of idle) this.#drop(entry);
      return await this.#engine.encodePrefix(input);
    }
  }

  #lend(entry: Entry, reused: boolean): LentPrefix {
    entry.users += 1;
    let held = true;
    return {
      prefix: entry.prefix,
      reused,
      release: () => {
        if (!held) return;
        held = false;
        this.#giveBack(entry);
      },
    };
  }

  #giveBack(entry: Entry): void {
    entry.users -= 1;
    entry.usedAt = Date.now();
    const kept = entry.key !== null && this.#entries.get(entry.key) === entry;
    if (entry.key === null || !kept || !this.#open) {
      if (entry.users === 0) this.#drop(entry);
      return;
    }
    // To the end of the order: used most recently.
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
    this.#trim();
  }

  /** Drops unused prefixes that are too old, and the least recently used until the rest fit the limits. */
  #trim(): void {
    const { entries, bytes, maxAgeMs } = this.#limits;
    const oldest = Date.now() - maxAgeMs;
    const idle = this.#idleEntries();
    let count = idle.length;
    let held = idle.reduce((sum, { prefix }) => sum + prefix.bytes, 0);
    for (const entry of idle) {
      if (count <= entries && held <= bytes && entry.usedAt >= oldest) continue;
      this.#drop(entry);
      count -= 1;
      held -= entry.prefix.bytes;
    }
  }

  #idleEntries(): Entry[] {
    return [...this.#entries.values()].filter(({ users }) => users === 0);
  }

  #drop(entry: Entry): void {
    if (entry.key !== null && this.#entries.get(entry.key) === entry) {
      this.#entries.delete(entry.key);
    }
    entry.prefix.release();
  }
}

async function keyOf(owner: string, ids: readonly number[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([owner, ids]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return String.fromCharCode(...digest);
}
