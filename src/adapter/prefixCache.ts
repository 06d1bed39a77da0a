/**
 * Encoded questions kept for a while after their request has ended: a second request about the same question
 * (a retry, another K, more candidates to rerank) then begins with scoring. Found by the SHA-256 of whose it
 * is and of its token ids, so that no text is held, and never across owners: a hit is faster than a miss, and
 * a stranger could tell from the time that somebody has asked the same.
 *
 * Shared state is plain data, as `net/sharedWork.ts` asks for: what is being encoded is shared with nobody.
 */
import { type EncoderInput, type Engine, EngineError, type Prefix } from "./engine.ts";

export interface PrefixCacheOptions {
  /** Most prefixes kept that no request uses. */
  readonly entries: number;
  /** Most bytes that they hold together. */
  readonly bytes: number;
  /** Milliseconds after its last use at which a prefix is dropped, when the cache is next used. */
  readonly maxAgeMs: number;
  readonly now: () => number;
}

export const prefixCacheDefaults: PrefixCacheOptions = {
  entries: 4,
  bytes: 8 * 2 ** 20,
  maxAgeMs: 10 * 60_000,
  now: () => Date.now(),
};

/** A prefix lent to one request. */
export interface LentPrefix {
  readonly prefix: Prefix;
  /** It was there already. */
  readonly reused: boolean;
  /** Gives it back. More than one call does no harm. */
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
  readonly #options: PrefixCacheOptions;
  /** By key, least recently used first. Entries without users are idle. */
  readonly #entries = new Map<string, Entry>();
  #open = true;

  constructor(engine: Engine, options: PrefixCacheOptions = prefixCacheDefaults) {
    this.#engine = engine;
    this.#options = options;
  }

  /** Prefixes kept that no request uses. */
  get idle(): number {
    return this.#idleEntries().length;
  }

  /**
   * The prefix of `input`, kept or encoded now. Rejects with `EngineError`.
   * @param owner whose question it is; null: it is neither looked for nor kept
   */
  async take(owner: string | null, input: EncoderInput): Promise<LentPrefix> {
    this.#trim();
    const key = owner === null ? null : await keyOf(owner, input.ids);
    const known = key === null ? undefined : this.#entries.get(key);
    if (known !== undefined) return this.#lend(known, true);
    const prefix = await this.#encode(input);
    const entry: Entry = { key, prefix, users: 0, usedAt: 0 };
    // Two requests may have encoded the same question beside each other: the first one's is kept.
    if (key !== null && this.#open && !this.#entries.has(key)) this.#entries.set(key, entry);
    return this.#lend(entry, false);
  }

  /** Frees what no request uses, and keeps nothing any more. */
  close(): void {
    this.#open = false;
    for (const entry of this.#idleEntries()) this.#drop(entry);
  }

  /** What is kept for nobody makes way where memory is short. */
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
    entry.usedAt = this.#options.now();
    const kept = entry.key !== null && this.#entries.get(entry.key) === entry;
    if (entry.key === null || !kept || !this.#open) {
      if (entry.users === 0) this.#drop(entry);
      return;
    }
    // To the end of the order: used last.
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
    this.#trim();
  }

  /** Drops what is too old, then the least recently used, until the idle ones fit their bounds. */
  #trim(): void {
    const { entries, bytes, maxAgeMs, now } = this.#options;
    const oldest = now() - maxAgeMs;
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
