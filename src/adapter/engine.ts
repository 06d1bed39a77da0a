/**
 * The port behind which an encoder runs: token ids in, logits out. Tensors, sessions and WebAssembly heaps
 * stay on the other side. An engine belongs to one loaded bundle.
 */

/** Token ids with their special tokens, in order; `truncated`: the template had to cut text. */
export interface EncoderInput {
  readonly ids: readonly number[];
  readonly truncated: boolean;
}

/** An encoded question: `tokens` positions of keys and values, kept by the engine until `release`. */
export interface Prefix {
  readonly tokens: number;
  /** What it takes of the engine's memory. */
  readonly bytes: number;
  /** Frees the keys and values. A second call does nothing. */
  release(): void;
}

/** Calls on one engine may overlap. An engine that can do one thing at a time queues them itself. */
export interface Engine {
  /** Encodes a question once. Rejects with `EngineError`. */
  encodePrefix(input: EncoderInput): Promise<Prefix>;
  /** The adapter's raw score of one candidate on a prefix of this engine. Rejects with `EngineError`. */
  score(prefix: Prefix, candidate: EncoderInput): Promise<number>;
  /** Bytes held: weights, working space, keys and values. A WebAssembly heap never shrinks. */
  heapBytes(): number;
  /** Frees the model after the calls under way. Calls made afterwards reject with `closed`. */
  close(): Promise<void>;
}

/**
 * - `not_finite`: a logit that is NaN or infinite (damaged weights).
 * - `trap`: the runtime threw or trapped (unreachable code, an access out of bounds).
 * - `out_of_memory`: the heap could not grow; what lies in it is whole.
 * - `aborted`: a runtime of which an isolate has only one has trapped. No engine starts on it any more.
 * - `shape`: an input or output does not fit the model.
 * - `closed`: the engine or prefix has been freed.
 */
export type EngineFailureReason =
  | "not_finite"
  | "trap"
  | "out_of_memory"
  | "aborted"
  | "shape"
  | "closed";

/** The fault lies with the engine, not with its input: it should be started afresh. */
export function isEngineFault(reason: EngineFailureReason): boolean {
  return reason !== "shape" && reason !== "closed";
}

/** The engine can no longer be trusted with anything. */
export function endsEngine(reason: EngineFailureReason): boolean {
  return reason === "trap" || reason === "aborted";
}

/** What an engine rejects with. It carries only a name: a runtime's message may hold input. */
export class EngineError extends Error {
  readonly reason: EngineFailureReason;

  constructor(reason: EngineFailureReason, options?: ErrorOptions) {
    super(`engine failed: ${reason}`, options);
    this.name = "EngineError";
    this.reason = reason;
  }
}
