/**
 * The port through which the service asks an LLM for candidates. Implementations: `openai/` (any OpenAI-compatible
 * endpoint) and `workersAi.ts` (Cloudflare's binding). A generator never throws for a fault of the LLM; it yields a
 * `failed` event for every candidate that will not come.
 */
import type { ChatMessage } from "../tasks/question.ts";

/** What to ask for: `n` candidates for one conversation. */
export interface GenerateRequest {
  readonly messages: readonly ChatMessage[];
  /** Number of candidates wanted, 1 or more. */
  readonly n: number;
  /**
   * Number of the first candidate; 0 if absent. A later wave for the same question continues the count, so that
   * indices, seeds and request ids continue too.
   */
  readonly first?: number;
  readonly temperature?: number;
  readonly topP?: number;
  /** Upper bound of generated tokens, each candidate. */
  readonly maxTokens?: number;
  readonly stop?: readonly string[];
  /** Each call sends `seed` + the number of its first candidate, so that calls differ. */
  readonly seed?: number;
  /** Opaque end-user id, passed to the provider. */
  readonly user?: string;
  /** How long a reasoning model is to think, in the provider's own words, such as `low`. */
  readonly reasoningEffort?: string;
  /** Calls at once, at most; 5 if absent. */
  readonly parallel?: number;
  /** Overrides the generator's model. */
  readonly model?: string;
  /** Ends all HTTP calls of this request; every candidate that has not come fails as `aborted`. */
  readonly signal: AbortSignal;
  /** Milliseconds for the whole request, all calls and retries together; past them: `timeout`. */
  readonly deadlineMs: number;
}

export type FinishReason = "stop" | "length" | "content_filter" | "other";

/** Why a candidate is not whole. `thinking`: nothing came but thinking, and that is no text. */
export type CutBy = "token_limit" | "content_filter" | "thinking";

/** One completion. `index` is first..first+n-1, unique within a request. */
export interface Candidate {
  readonly index: number;
  /** Without the model's thinking. */
  readonly text: string;
  readonly finishReason: FinishReason;
  /** `cut`: see `cutBy`; `empty`: nothing but white space. */
  readonly state: "complete" | "cut" | "empty";
  readonly cutBy: CutBy | null;
}

/** Whether a candidate says anything: what says nothing is neither read nor scored, and has no vote. */
export function isSpoken({ text }: Pick<Candidate, "text">): boolean {
  return text.trim() !== "";
}

/** Why a candidate did not come. Names only: no text of the provider or the caller is in a failure. */
export type GenerateFailure =
  | "refused_connection"
  | "unauthorized"
  | "rate_limited"
  | "quota"
  | "filtered"
  | "declined"
  | "context_too_long"
  | "token_limit"
  | "unknown_model"
  | "server_error"
  | "timeout"
  | "cut_stream"
  | "malformed"
  | "not_recorded"
  | "no_choices"
  | "too_large"
  | "bad_request"
  | "aborted";

/** Token counts as the provider reports them, summed over all calls of a request. */
export interface TokenUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Those of the prompt that the provider had cached, where it tells: most bill them at a lower price. */
  readonly cachedTokens?: number;
  /** Those of the completion that were thinking, where the provider tells. */
  readonly reasoningTokens?: number;
}

/**
 * - `candidate`: one that is complete (or cut by the provider, see `state`).
 * - `failed`: one that will not come; `index` null when it never got a number.
 * - `usage`: the last event: the tokens that the provider reported (none for a call that broke off), the number of HTTP
 *   requests with retries, whether candidates came from parallel calls for one each, and which parameters were left out.
 */
export type GenerateEvent =
  | { readonly kind: "candidate"; readonly candidate: Candidate }
  | {
      readonly kind: "failed";
      readonly index: number | null;
      readonly reason: GenerateFailure;
      readonly retryAfterSeconds?: number;
      readonly status?: number;
      /** The parameter that it refuses, where it names one of ours. */
      readonly parameter?: string;
    }
  | {
      readonly kind: "usage";
      readonly usage: TokenUsage;
      readonly requests: number;
      readonly mode: "n" | "parallel";
      /** Parameters that the model does not take, in the names of the wire. */
      readonly ignored: readonly string[];
    };

/** Writes candidates. Returning early from the iteration ends its HTTP calls. */
export interface Generator {
  readonly model: string;
  generate(request: GenerateRequest): AsyncIterable<GenerateEvent>;
}
