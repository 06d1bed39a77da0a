/**
 * What was learnt about a provider and model from its answers. OpenAI-compatible servers differ in the parameters they
 * take, and none says so beforehand. The caller makes a memory and keeps it between requests (in a Worker: in module
 * scope), so nothing here is hidden global state.
 */

export interface ProviderTraits {
  /** The largest `n` not yet refused; 1: one call for each candidate. */
  readonly maxN: number;
  /** Newer OpenAI models take only the second name. */
  readonly tokenLimitName: "max_tokens" | "max_completion_tokens";
  /** Whether `stream_options: {include_usage}` may be sent. */
  readonly streamUsage: boolean;
}

const UNKNOWN: ProviderTraits = {
  maxN: Number.POSITIVE_INFINITY,
  tokenLimitName: "max_tokens",
  streamUsage: true,
};

/** Callers may name models, so the number of entries is limited: the oldest is forgotten first. */
const MAX_PROVIDERS = 256;

export class ProviderMemory {
  readonly #traits = new Map<string, ProviderTraits>();
  readonly #unknown: ProviderTraits;

  /** @param known what holds for every model from the start */
  constructor(known: Partial<ProviderTraits> = {}) {
    this.#unknown = { ...UNKNOWN, ...known };
  }

  traits(baseUrl: string, model: string): ProviderTraits {
    return this.#traits.get(`${baseUrl} ${model}`) ?? this.#unknown;
  }

  learn(baseUrl: string, model: string, learnt: Partial<ProviderTraits>): void {
    const [longestKnown] = this.#traits.keys();
    if (this.#traits.size >= MAX_PROVIDERS && longestKnown !== undefined) {
      this.#traits.delete(longestKnown);
    }
    this.#traits.set(`${baseUrl} ${model}`, { ...this.traits(baseUrl, model), ...learnt });
  }
}
