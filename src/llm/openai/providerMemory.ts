/**
 * What was learnt about a provider and model from its answers. OpenAI-compatible servers differ in the parameters they
 * take, and none says so beforehand. The caller makes a memory and keeps it between requests (in a Worker: in module
 * scope), so nothing here is hidden global state.
 *
 * Callers share a memory, so what one caller does must not change what others pay. A trait is learnt only when a call
 * that went without the refused parameter then succeeded; never where the refusal may depend on one request's values;
 * and it is forgotten after ten minutes. Greedy requests (temperature 0) have a memory of their own, because several
 * servers refuse n > 1 for them alone.
 */
import type { Droppable } from "./refusal.ts";

export interface ProviderTraits {
  /** The largest `n` not yet refused; 1: one call for each candidate. */
  readonly maxN: number;
  /** Newer OpenAI models take only the second name. */
  readonly tokenLimitName: "max_tokens" | "max_completion_tokens";
  /** Whether `stream_options: {include_usage}` may be sent. */
  readonly streamUsage: boolean;
  /** Whether it can stream at all. */
  readonly stream: boolean;
  /** Parameters that it does not take. */
  readonly drops: readonly Droppable[];
}

const UNKNOWN: ProviderTraits = {
  maxN: Number.POSITIVE_INFINITY,
  tokenLimitName: "max_tokens",
  streamUsage: true,
  stream: true,
  drops: [],
};

/** OpenAI's reasoning models refuse `max_tokens`. */
const WANTS_COMPLETION_TOKENS = /(?:^|\/)(?:o\d|gpt-(?:[5-9]|\d\d))(?:$|[.:_-])/u;

/** Callers may name models, so the number of entries is limited: the oldest is forgotten first. */
const MAX_ENTRIES = 256;
const KEPT_MS = 10 * 60_000;

/** Which requests a trait holds for. */
export interface Asked {
  readonly baseUrl: string;
  readonly model: string;
  readonly greedy: boolean;
}

interface Entry {
  readonly traits: Partial<ProviderTraits>;
  readonly until: number;
}

export class ProviderMemory {
  readonly #entries = new Map<string, Entry>();
  /** Seen once: learnt when it is seen again. */
  readonly #suspicions = new Map<string, number>();
  readonly #known: Partial<ProviderTraits>;
  readonly #now: () => number;

  /**
   * @param known what holds for every model from the start
   * @param now milliseconds
   */
  constructor(known: Partial<ProviderTraits> = {}, now: () => number = Date.now) {
    this.#known = known;
    this.#now = now;
  }

  traits(asked: Asked): ProviderTraits {
    const entry = this.#entries.get(keyOf(asked));
    const learnt = entry !== undefined && entry.until > this.#now() ? entry.traits : {};
    const named = WANTS_COMPLETION_TOKENS.test(asked.model)
      ? { tokenLimitName: "max_completion_tokens" as const }
      : {};
    return { ...UNKNOWN, ...named, ...this.#known, ...learnt };
  }

  learn(asked: Asked, learnt: Partial<ProviderTraits>): void {
    const key = keyOf(asked);
    const entry = this.#entries.get(key);
    const before = entry !== undefined && entry.until > this.#now() ? entry.traits : {};
    makeRoom(this.#entries);
    this.#entries.delete(key);
    this.#entries.set(key, { traits: { ...before, ...learnt }, until: this.#now() + KEPT_MS });
  }

  /** The server sent fewer choices than asked for. One such reply may be chance: a second one makes it a trait. */
  suspect(asked: Asked, learnt: Partial<ProviderTraits>): void {
    const key = keyOf(asked);
    const until = this.#suspicions.get(key);
    if (until !== undefined && until > this.#now()) {
      this.#suspicions.delete(key);
      this.learn(asked, learnt);
      return;
    }
    makeRoom(this.#suspicions);
    this.#suspicions.set(key, this.#now() + KEPT_MS);
  }
}

function keyOf({ baseUrl, model, greedy }: Asked): string {
  return `${baseUrl} ${greedy ? "greedy" : "sampled"} ${model}`;
}

function makeRoom(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size >= MAX_ENTRIES && oldest !== undefined) map.delete(oldest);
}
