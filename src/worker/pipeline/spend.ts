/** How much a request may have the LLM write: within the deployment's bounds, `MAX_K` and `MAX_TOKENS`. */
import { fieldProblem } from "../errors/problems.ts";
import { DEFAULT_K, DEFAULT_MAX_TOKENS } from "../schemas/shared.ts";
import type { Config } from "../wiring/env.ts";
import type { Ask } from "./ask.ts";

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

/** Tokens for each candidate: the first of the fields that is given, or the usual. Throws `Problem` for too many. */
export function readMaxTokens(
  given: readonly (readonly [field: string, tokens: number | null | undefined])[],
  { maxTokens: most }: Pick<Config, "maxTokens">,
): number {
  // A field that another stands above is no way around the bound either.
  const [tokens] = given.flatMap(([field, value]) => atMost(most, value, field) ?? []);
  return tokens ?? Math.min(DEFAULT_MAX_TOKENS, most);
}

/** The number, null for none. Throws `Problem` where it is more. */
function atMost(most: number, given: number | null | undefined, field: string): number | null {
  if (given == null) return null;
  if (given > most) throw fieldProblem("invalid_request", field, `must be at most ${most}`);
  return given;
}
