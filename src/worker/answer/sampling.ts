/** How LLMs are to write: what the request wishes, what the deployment sets for an LLM, and the bound `MAX_TOKENS`. */
import { fieldProblem } from "../http/problems.ts";
import type { Llm } from "../plans/llms.ts";

/** Where neither the request nor the deployment names a number. */
const DEFAULT_MAX_TOKENS = 1024;
/** For a model that is known to think first: thinking counts too. */
const THINKING_MAX_TOKENS = 8192;
const THINKS =
  /(?:^|[/-])(?:o\d|gpt-[5-9]|gpt-oss|deepseek-r|r1|qwq|qwen-?3|magistral|gemini-(?:2\.5|[3-9])|glm-(?:4\.[5-9]|[5-9])|kimi-k2|minimax-m|huatuogpt-o)|think|reason/iu;

/** What the request wishes. */
export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  /** Tokens for each candidate. */
  readonly maxTokens?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly user?: string;
  readonly reasoningEffort?: string;
}

export interface WireSampling {
  readonly temperature?: number | null | undefined;
  readonly top_p?: number | null | undefined;
  readonly seed?: number | null | undefined;
  readonly reasoning_effort?: string | null | undefined;
}

/** The request's wishes. Throws `Problem` for too many tokens. @param limits fields of the token limit, the first that is given holds */
export function readSampling(
  wire: WireSampling,
  limits: readonly (readonly [field: string, tokens: number | null | undefined])[],
  { maxTokens: most }: { readonly maxTokens: number },
): Sampling {
  // A field that another stands above is no way around the bound either.
  const [maxTokens] = limits.flatMap(([field, value]) => atMost(most, value, field) ?? []);
  return {
    ...(wire.temperature == null ? {} : { temperature: wire.temperature }),
    ...(wire.top_p == null ? {} : { topP: wire.top_p }),
    ...(wire.seed == null ? {} : { seed: wire.seed }),
    ...(wire.reasoning_effort == null ? {} : { reasoningEffort: wire.reasoning_effort }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
  };
}

/** How one LLM is to write: the request's wishes, else what the deployment sets for it. @param most the bound MAX_TOKENS */
export function samplingFor(
  { model, defaults }: Pick<Llm, "model" | "defaults">,
  wishes: Sampling,
  most: number,
): Sampling & { readonly maxTokens: number } {
  const temperature = wishes.temperature ?? defaults.temperature;
  const reasoningEffort = wishes.reasoningEffort ?? defaults.reasoning_effort;
  const usual = THINKS.test(model) ? THINKING_MAX_TOKENS : DEFAULT_MAX_TOKENS;
  return {
    ...wishes,
    ...(temperature === undefined ? {} : { temperature }),
    ...(reasoningEffort === undefined ? {} : { reasoningEffort }),
    maxTokens: wishes.maxTokens ?? Math.min(defaults.max_tokens ?? usual, most),
  };
}

/** The number, null for none. Throws `Problem` where it is more. */
export function atMost(
  most: number,
  given: number | null | undefined,
  field: string,
): number | null {
  if (given == null) return null;
  if (given > most) throw fieldProblem("invalid_request", field, `must be at most ${most}`);
  return given;
}
