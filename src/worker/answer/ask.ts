/**
 * What the pipeline is asked (`Ask`), and its parts from the wire: the model, K, the sampling, within the deployment's
 * bounds `MAX_K` and `MAX_TOKENS`. Faults name their field.
 */
import type { Abstain, Strategy } from "../../adapter/select/candidates.ts";
import type { ChatMessage, Question } from "../../tasks/question.ts";
import type { TaskSpec } from "../../tasks/task.ts";
import type { AdapterChoice } from "../adapters/rollout.ts";
import type { Config, Parts } from "../config/parts.ts";
import { fieldProblem } from "../http/problems.ts";

/** Where the caller names no number, and the deployment allows as much. */
const DEFAULT_K = 8;
const DEFAULT_MAX_TOKENS = 1024;
/** For a model that is known to think first: thinking counts too. */
const THINKING_MAX_TOKENS = 8192;
const THINKS =
  /(?:^|[/-])(?:o\d|gpt-[5-9]|gpt-oss|deepseek-r|r1|qwq|qwen-?3|magistral|gemini-(?:2\.5|[3-9])|glm-(?:4\.[5-9]|[5-9])|kimi-k2|minimax-m|huatuogpt-o)|think|reason/iu;

/** How the LLM is to write. */
export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxTokens: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly user?: string;
  readonly reasoningEffort?: string;
}

/** One question, ready to be asked. */
export interface Ask extends AdapterChoice {
  readonly task: TaskSpec;
  readonly question: Question;
  /** The field that held the question, for problems. */
  readonly questionField: string;
  readonly messages: readonly ChatMessage[];
  readonly model: string;
  /** Candidates to ask the LLM for; at most so many where `adaptive` is set. */
  readonly k: number;
  /** For `k: "auto"`: candidates in waves until the leader is settled, at least so many. Null: all K at once. */
  readonly adaptive: { readonly least: number } | null;
  /** Null: the default for the task. */
  readonly strategy: Strategy | null;
  readonly abstain: Abstain | null;
  /** Question, candidates and scores are kept, for the outcome to be joined later. */
  readonly store: boolean;
  readonly sampling: Sampling;
}

/** The model to ask. Throws `Problem` for one that is not configured. */
export function readModel(model: string | null | undefined, config: Config): string {
  if (!model) return config.models[0];
  if (config.models.includes(model)) return model;
  throw fieldProblem("unknown_model", "model");
}

/** `store` from the wire. Throws `Problem` where nothing can be kept. */
export function readStore(
  store: boolean | null | undefined,
  { keepOutcome }: Pick<Parts, "keepOutcome">,
): boolean {
  if (store === true && keepOutcome === null) throw fieldProblem("storage_unavailable", "store");
  return store === true;
}

/** `abstain` from the wire. */
export function readAbstain(
  rule: { target_error: number } | { below: number } | null | undefined,
): Abstain | null {
  if (!rule) return null;
  return "below" in rule
    ? { kind: "below", threshold: rule.below }
    : { kind: "target_error", targetError: rule.target_error };
}

export interface WireCount {
  readonly k?: number | "auto" | undefined;
  readonly max_k?: number | null | undefined;
  /** Candidates that are needed at least: `n` of a chat. */
  readonly n?: number | null | undefined;
}

/** Names of the fields that a fault is to name: they differ between routes. */
export interface CountFields {
  readonly k: string;
  readonly max_k: string;
}

/** `k` and `max_k` from the wire. Throws `Problem` for more than may be asked for, or a `max_k` beside a number. */
export function readK(
  wire: WireCount,
  fields: CountFields,
  { maxK: most }: Pick<Config, "maxK">,
): Pick<Ask, "k" | "adaptive"> {
  const least = atMost(most, wire.n, "n") ?? 1;
  const usual = Math.max(Math.min(DEFAULT_K, most), least);
  if (wire.k === "auto") {
    return { k: atMost(most, wire.max_k, fields.max_k) ?? usual, adaptive: { least } };
  }
  if (wire.max_k == null) return { k: atMost(most, wire.k, fields.k) ?? usual, adaptive: null };
  throw fieldProblem("invalid_request", fields.max_k, 'goes with k: "auto" only');
}

/** Tokens for each candidate: the first of the fields that is given, or the model's default. Throws `Problem` for too many. */
export function readMaxTokens(
  given: readonly (readonly [field: string, tokens: number | null | undefined])[],
  model: string,
  { maxTokens: most, modelDefaults }: Pick<Config, "maxTokens" | "modelDefaults">,
): number {
  // A field that another stands above is no way around the bound either.
  const [tokens] = given.flatMap(([field, value]) => atMost(most, value, field) ?? []);
  const usual = THINKS.test(model) ? THINKING_MAX_TOKENS : DEFAULT_MAX_TOKENS;
  return tokens ?? Math.min(modelDefaults.get(model)?.max_tokens ?? usual, most);
}

export interface WireSampling {
  readonly temperature?: number | null | undefined;
  readonly top_p?: number | null | undefined;
  readonly seed?: number | null | undefined;
  readonly reasoning_effort?: string | null | undefined;
}

/** How the LLM is to write: the request's own fields, else what the deployment sets for the model. */
export function readSampling(
  wire: WireSampling,
  model: string,
  { modelDefaults }: Pick<Config, "modelDefaults">,
): Omit<Sampling, "maxTokens"> {
  const usual = modelDefaults.get(model);
  const temperature = wire.temperature ?? usual?.temperature;
  const reasoningEffort = wire.reasoning_effort ?? usual?.reasoning_effort;
  return {
    ...(temperature == null ? {} : { temperature }),
    ...(wire.top_p == null ? {} : { topP: wire.top_p }),
    ...(wire.seed == null ? {} : { seed: wire.seed }),
    ...(reasoningEffort == null ? {} : { reasoningEffort }),
  };
}

/** The number, null for none. Throws `Problem` where it is more. */
function atMost(most: number, given: number | null | undefined, field: string): number | null {
  if (given == null) return null;
  if (given > most) throw fieldProblem("invalid_request", field, `must be at most ${most}`);
  return given;
}
