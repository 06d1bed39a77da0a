/** Which parameter of a request a server refuses, and what is done about it. */
import type { CallFailure, ReportedError } from "./failure.ts";

/** Sent only for convenience: left out without a word. */
export type Convenience = "stream_options";
/** Change how candidates are drawn: left out, and named in the answer. */
export const droppable = ["temperature", "top_p", "seed", "user", "reasoning_effort"] as const;
export type Droppable = (typeof droppable)[number];
/** Asked for in another way. */
export type Replaced = "n" | "max_tokens" | "stream";

export type RefusedParameter = Convenience | Droppable | Replaced;

export interface Refusal {
  readonly parameter: RefusedParameter;
  /** The server doesn't take it at all. Otherwise it may only be this value that it refuses. */
  readonly always: boolean;
}

const REFUSED = new Set<string>(["stream_options", "n", "stream", ...droppable]);
const TOKEN_LIMITS: ReadonlySet<string> = new Set(["max_tokens", "max_completion_tokens"]);

const NAMES_N =
  /["'`]n\\?["'`]|\bn\s?(?:=|>|<=|:)\s?\d|\bn (?:must|should|is)\b|\bparameter:? n\b|\b(?:one|multiple) (?:candidate|choice|completion)s?\b/iu;
const GREEDY = /temperature|greedy|sampl/iu;
const UNSUPPORTED =
  /unsupported|not supported|(?:does|do)(?: not|n't) support|unrecognized|unknown|not permitted|forbidden|unexpected|not allowed|not (?:be )?used|deprecated|only the default/iu;
const STREAM =
  /\bstream(?:ing)?\b(?!_options).{0,60}(?:not supported|unsupported|not (?:yet )?(?:available|implemented|enabled)|disabled)|(?:not|n't) support.{0,20}\bstream(?:ing)?\b(?!_options)/iu;

/**
 * The parameter that an error refuses; null: none that we know. If the error has a member that names it, only that
 * counts: the error's text may repeat what the caller asked.
 */
export function refusalOf({ status }: CallFailure, error: ReportedError | null): Refusal | null {
  if (error === null || (status !== 400 && status !== 422 && status !== 501)) return null;
  const { message, parameters } = error;
  const always =
    UNSUPPORTED.test(message) ||
    error.codes.some((code) => UNSUPPORTED.test(code.replaceAll("_", " ")));
  const named = parameters.find((name) => REFUSED.has(name));
  // vLLM and others refuse n > 1 for greedy sampling alone.
  if (named === "n") return { parameter: "n", always: !GREEDY.test(message) };
  if (named !== undefined)
    return { parameter: named as RefusedParameter, always: always || named === "stream_options" };
  // The same member is named when the number is too large, so the text must name the other parameter.
  const limit = parameters.length === 0 || parameters.some((name) => TOKEN_LIMITS.has(name));
  if (limit && /max_completion_tokens/u.test(message))
    return { parameter: "max_tokens", always: true };
  if (parameters.length > 0) return null;
  if (/stream_options/u.test(message)) return { parameter: "stream_options", always: true };
  if (STREAM.test(message)) return { parameter: "stream", always: true };
  if (NAMES_N.test(message)) return { parameter: "n", always: !GREEDY.test(message) };
  const quoted = droppable.find((name) =>
    new RegExp(`["'\`]${name}\\\\?["'\`]`, "u").test(message),
  );
  if (
    quoted !== undefined &&
    (always || /\b(?:must|should|range|between|at most|value)\b/iu.test(message))
  ) {
    return { parameter: quoted, always };
  }
  if (always) {
    const spoken = droppable.find((name) => new RegExp(`\\b${name}\\b`, "u").test(message));
    // "user" is a word of many sentences.
    if (spoken !== undefined && spoken !== "user") return { parameter: spoken, always };
  }
  return null;
}
