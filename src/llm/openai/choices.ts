/**
 * Reads the chunks of one streamed completion, trusting nothing, and assembles its choices from parts in any order.
 *
 * A finished choice is returned once all wanted indices have come, at the latest at the end. Until then another choice
 * may still come under its index: some servers send all choices of n > 1 as index 0, interleaved, and two texts would
 * become one. Servers that interleave properly begin all choices at once, so the wait costs no time.
 */
import { fields } from "../../net/response.ts";
import type { Candidate, FinishReason, GenerateFailure, TokenUsage } from "../generator.ts";

/** A longer candidate fails: no answer is that long, and memory is limited. */
export const MAX_CANDIDATE_BYTES = 256 * 1024;
/** How many bytes of failed choices are skipped, in case others follow. */
const MAX_SKIPPED_BYTES = 4 * MAX_CANDIDATE_BYTES;

/** A choice that has ended. `index` counts within the call, 0..wanted-1. */
export type Settled =
  | { readonly kind: "candidate"; readonly candidate: Candidate }
  | { readonly kind: "failed"; readonly index: number; readonly reason: GenerateFailure };

interface Growing {
  text: string;
  bytes: number;
  /** Set when it ended well but was not returned yet. */
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

  /** How many different choices have come. */
  get seen(): number {
    return this.#byIndex.size;
  }

  /** Whether two choices came under one index: then no text of this call can be trusted. */
  get duplicated(): boolean {
    return this.#duplicated;
  }

  /** Whether every choice that has come has ended. */
  get allEnded(): boolean {
    return [...this.#byIndex.values()].every(({ settled, waiting }) => settled || waiting !== null);
  }

  /** Whether reading on is useless: one choice is endless, and no other is open. */
  get exhausted(): boolean {
    if (!this.#gaveUp) return false;
    const noneFollows = this.seen === this.#wanted || this.#skippedBytes > MAX_SKIPPED_BYTES;
    return noneFollows && [...this.#byIndex.values()].every(({ settled }) => settled);
  }

  /** Takes one chunk; returns what it settled. */
  add({ parts }: Chunk): Settled[] {
    const indices = parts.map(({ index }) => index);
    if (new Set(indices).size < indices.length && this.seen < this.#wanted) this.#duplicated = true;
    const settled: Settled[] = [];
    for (const part of parts) {
      if (this.#duplicated) break;
      if (part.index < this.#wanted) settled.push(...this.#take(part));
    }
    return settled;
  }

  /**
   * The stream is over; returns what that settled.
   * @param failure what becomes of choices that did not end; null: the provider called them complete
   */
  end(failure: GenerateFailure | null): Settled[] {
    if (this.#duplicated) return [];
    return [...this.#byIndex].flatMap(([index, growing]) => {
      if (growing.settled) return [];
      if (growing.waiting !== null) return [this.#giveOut(index, growing, growing.waiting)];
      if (failure === null) return [this.#giveOut(index, growing, "other")];
      return [this.#fail(index, growing, failure)];
    });
  }

  #take({ index, content, end }: ChoicePart): Settled[] {
    const settled: Settled[] = [];
    let growing = this.#byIndex.get(index);
    if (growing === undefined) {
      growing = { text: "", bytes: 0, waiting: null, settled: false };
      this.#byIndex.set(index, growing);
      if (this.seen === this.#wanted) settled.push(...this.#giveOutWaiting());
    }
    if (growing.waiting !== null && (content !== "" || end !== null)) {
      this.#duplicated = true;
      return settled;
    }
    const bytes = encoder.encode(content).length;
    if (growing.settled) this.#skippedBytes += bytes;
    if (growing.settled || growing.waiting !== null) return settled;
    growing.text += content;
    growing.bytes += bytes;
    if (growing.bytes > MAX_CANDIDATE_BYTES) {
      this.#gaveUp = true;
      settled.push(this.#fail(index, growing, "too_large"));
    } else if (end === "error") {
      settled.push(this.#fail(index, growing, "server_error"));
    } else if (end !== null) {
      growing.waiting = end;
      if (this.seen === this.#wanted) settled.push(this.#giveOut(index, growing, end));
    }
    return settled;
  }

  #giveOutWaiting(): Settled[] {
    return [...this.#byIndex].flatMap(([index, growing]) =>
      growing.waiting === null ? [] : [this.#giveOut(index, growing, growing.waiting)],
    );
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

/** Part of one choice. `end` null: it continues; "error": the provider gave it up. */
export interface ChoicePart {
  readonly index: number;
  readonly content: string;
  readonly end: FinishReason | "error" | null;
}

export interface Chunk {
  readonly parts: readonly ChoicePart[];
  readonly usage: TokenUsage | null;
}

/** The chunk, or null where the value is not a completion chunk. A missing `index` counts as 0. */
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
