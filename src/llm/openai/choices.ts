/**
 * Reads the chunks of one streamed completion, trusting nothing, and puts its choices together, whatever order their
 * parts come in.
 *
 * A finished choice is given out once all wanted indices have shown up, at the latest at the end. Until
 * then another choice may still come under its index: some servers send all choices of n > 1 as index
 * 0, interleaved, and their texts would run into one another. Servers that interleave properly begin
 * all choices at once, so this costs them no time.
 */
import { fields } from "../../net/response.ts";
import type { Candidate, FinishReason, GenerateFailure, TokenUsage } from "../generator.ts";

/** A longer candidate is given up: no answer is that long, and memory is bounded. */
export const MAX_CANDIDATE_BYTES = 256 * 1024;
/** How much of given-up choices is skipped in the hope that others follow. */
const MAX_SKIPPED_BYTES = 4 * MAX_CANDIDATE_BYTES;

/** A choice that came to its end. `index` is the call's own, 0..wanted-1. */
export type Settled =
  | { readonly kind: "candidate"; readonly candidate: Candidate }
  | { readonly kind: "failed"; readonly index: number; readonly reason: GenerateFailure };

interface Growing {
  text: string;
  bytes: number;
  /** Set when it ended well but is not yet given out. */
  waiting: FinishReason | null;
  settled: boolean;
}

const encoder = new TextEncoder();

export class Choices {
  readonly #wanted: number;
  readonly #byIndex = new Map<number, Growing>();
  #duplicated = false;
  #gaveUp = false;
  #skippedBytes = 0;

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  /** How many different choices have shown up. */
  get seen(): number {
    return this.#byIndex.size;
  }

  /** Whether two choices came under one index: nothing of this call can be trusted to be one text. */
  get duplicated(): boolean {
    return this.#duplicated;
  }

  /** Whether every choice that showed up came to its end. */
  get allEnded(): boolean {
    return [...this.#byIndex.values()].every(({ settled, waiting }) => settled || waiting !== null);
  }

  /** Whether reading on is in vain: one choice is endless, and no other is under way. */
  get exhausted(): boolean {
    if (!this.#gaveUp) return false;
    const noneFollows = this.seen === this.#wanted || this.#skippedBytes > MAX_SKIPPED_BYTES;
    return noneFollows && [...this.#byIndex.values()].every(({ settled }) => settled);
  }

  /** Takes one chunk; returns what it settled. */
  *add({ parts }: Chunk): Generator<Settled> {
    const indices = parts.map(({ index }) => index);
    if (new Set(indices).size < indices.length && this.seen < this.#wanted) this.#duplicated = true;
    for (const part of parts) {
      if (this.#duplicated) return;
      if (part.index < this.#wanted) yield* this.#take(part);
    }
  }

  /**
   * The stream is over.
   * @param failure what becomes of choices that did not end; null: the provider called them complete
   */
  *end(failure: GenerateFailure | null): Generator<Settled> {
    if (this.#duplicated) return;
    for (const [index, growing] of this.#byIndex) {
      if (growing.waiting !== null) yield this.#giveOut(index, growing, growing.waiting);
      else if (!growing.settled && failure === null) yield this.#giveOut(index, growing, "other");
      else if (!growing.settled) yield this.#fail(index, growing, failure ?? "cut_stream");
    }
  }

  *#take({ index, content, end }: ChoicePart): Generator<Settled> {
    let growing = this.#byIndex.get(index);
    if (growing === undefined) {
      growing = { text: "", bytes: 0, waiting: null, settled: false };
      this.#byIndex.set(index, growing);
      if (this.seen === this.#wanted) yield* this.#giveOutWaiting();
    }
    if (growing.waiting !== null && (content !== "" || end !== null)) {
      this.#duplicated = true;
      return;
    }
    const bytes = encoder.encode(content).length;
    if (growing.settled) this.#skippedBytes += bytes;
    if (growing.settled || growing.waiting !== null) return;
    growing.text += content;
    growing.bytes += bytes;
    if (growing.bytes > MAX_CANDIDATE_BYTES) {
      this.#gaveUp = true;
      yield this.#fail(index, growing, "too_large");
    } else if (end === "error") {
      yield this.#fail(index, growing, "server_error");
    } else if (end !== null) {
      growing.waiting = end;
      if (this.seen === this.#wanted) yield this.#giveOut(index, growing, end);
    }
  }

  *#giveOutWaiting(): Generator<Settled> {
    for (const [index, growing] of this.#byIndex) {
      if (growing.waiting !== null) yield this.#giveOut(index, growing, growing.waiting);
    }
  }

  #giveOut(index: number, growing: Growing, finishReason: FinishReason): Settled {
    const { text } = growing;
    Object.assign(growing, { text: "", waiting: null, settled: true });
    const cut = finishReason === "length" || finishReason === "content_filter";
    const state = text.trim() === "" ? "empty" : cut ? "cut" : "complete";
    return { kind: "candidate", candidate: { index, text, finishReason, state } };
  }

  #fail(index: number, growing: Growing, reason: GenerateFailure): Settled {
    Object.assign(growing, { text: "", waiting: null, settled: true });
    return { kind: "failed", index, reason };
  }
}

/** Part of one choice. `end` null: it goes on; "error": the provider gave it up. */
export interface ChoicePart {
  readonly index: number;
  readonly content: string;
  readonly end: FinishReason | "error" | null;
}

export interface Chunk {
  readonly parts: readonly ChoicePart[];
  readonly usage: TokenUsage | null;
}

/** The chunk, or null where the value is no completion chunk. Servers that never send `n` may leave out `index`. */
export function readChunk(value: unknown): Chunk | null {
  const chunk = fields(value);
  if (chunk === null) return null;
  const choices = chunk.choices ?? [];
  if (!Array.isArray(choices)) return null;
  return { parts: choices.flatMap(readPart), usage: readUsage(chunk.usage) };
}

function readPart(value: unknown): ChoicePart[] {
  const choice = fields(value);
  if (choice === null) return [];
  const index = choice.index ?? 0;
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0) return [];
  const content = fields(choice.delta)?.content;
  return [
    {
      index,
      content: typeof content === "string" ? content : "",
      end: fields(choice.error) === null ? readEnd(choice.finish_reason) : "error",
    },
  ];
}

function readEnd(value: unknown): ChoicePart["end"] {
  switch (value) {
    case null:
    case undefined:
    case "":
      return null;
    case "stop":
    case "length":
    case "content_filter":
    case "error":
      return value;
    default:
      return "other";
  }
}

function readUsage(value: unknown): TokenUsage | null {
  const usage = fields(value);
  const promptTokens = usage?.prompt_tokens;
  const completionTokens = usage?.completion_tokens;
  return isCount(promptTokens) && isCount(completionTokens)
    ? { promptTokens, completionTokens }
    : null;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}
