/**
 * Assembles the choices of one completion from parts in any order.
 *
 * How a choice ended is believed late, since servers get it wrong: some name a reason with every part, some number it
 * wrongly where several choices are written at once, some send all choices of n > 1 as index 0, and two texts would
 * become one. So an end counts before the stream's own only where it came with an empty part, after all wanted choices
 * have begun, and is confirmed: another choice has ended like this as well, or the others have gone on for two rounds
 * without this one, or the server has fallen silent (`call.ts`).
 */
import { withoutThinking } from "../../tasks/thinking.ts";
import type { Candidate, FinishReason, GenerateFailure } from "../generator.ts";
import type { ChoicePart, Chunk } from "./chunk.ts";

/** A longer candidate fails: no answer is that long, and memory is limited. */
export const MAX_CANDIDATE_BYTES = 256 * 1024;
/** How many bytes of failed choices are skipped, in case others follow. */
const MAX_SKIPPED_BYTES = 4 * MAX_CANDIDATE_BYTES;

/** A choice that has ended. `index` counts within the call, 0..wanted-1. */
export type Settled =
  | { readonly kind: "candidate"; readonly candidate: Candidate }
  | { readonly kind: "failed"; readonly index: number; readonly reason: GenerateFailure };

interface Growing {
  /** Its number in the call. */
  readonly slot: number;
  text: string;
  bytes: number;
  thought: boolean;
  declined: boolean;
  end: FinishReason | null;
  /** The end came with an empty part: nothing should follow. */
  firm: boolean;
  /** Parts of other choices since then. */
  others: number;
  settled: boolean;
}

const encoder = new TextEncoder();

export class Choices {
  readonly #wanted: number;
  /** By the server's own index. */
  readonly #byIndex = new Map<number, Growing>();
  #duplicated = false;
  #gaveUp = false;
  #skippedBytes = 0;

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  /** How many different choices have come. */
  get seen(): number {
    return new Set(this.#byIndex.values()).size;
  }

  /** Whether two choices came under one index: then no text of this call can be trusted. */
  get duplicated(): boolean {
    return this.#duplicated;
  }

  /** Whether every choice that has come has ended. */
  get allEnded(): boolean {
    return [...this.#byIndex.values()].every(({ settled, end }) => settled || end !== null);
  }

  /** Whether reading on is useless: one choice is endless, and no other is open. */
  get exhausted(): boolean {
    if (!this.#gaveUp) return false;
    const noneFollows = this.seen === this.#wanted || this.#skippedBytes > MAX_SKIPPED_BYTES;
    return noneFollows && [...this.#byIndex.values()].every(({ settled }) => settled);
  }

  /** Takes one chunk; returns what it settled. */
  add({ parts }: Pick<Chunk, "parts">): Settled[] {
    const indices = parts.map(({ index }) => index);
    if (new Set(indices).size < indices.length && this.seen < this.#wanted) this.#duplicated = true;
    const settled: Settled[] = [];
    for (const part of parts) {
      if (this.#duplicated) break;
      const growing = this.#growing(part.index);
      if (growing !== null) settled.push(...this.#take(growing, part));
    }
    if (!this.#duplicated) settled.push(...this.#giveOutFirm());
    return settled;
  }

  /**
   * The stream is over; returns what that settled.
   * @param failure what becomes of choices that did not end; null: the provider called them complete
   */
  end(failure: GenerateFailure | null): Settled[] {
    if (this.#duplicated) return [];
    const choices = [...new Set(this.#byIndex.values())];
    // A server that named the end of some choices only may have cut the others as well.
    const cut = choices.some(({ end }) => end === "length");
    return choices.flatMap((growing) => {
      if (growing.settled) return [];
      const said = failure === null || growing.text.trim() !== "";
      if (growing.end !== null && said) return [this.#giveOut(growing, growing.end)];
      if (failure === null) return [this.#giveOut(growing, cut ? "length" : "other")];
      return [this.#fail(growing, failure)];
    });
  }

  /** The choice of an index; null where more choices come than were asked for. */
  #growing(index: number): Growing | null {
    const known = this.#byIndex.get(index);
    if (known !== undefined) return known;
    // Some servers count from elsewhere.
    const taken = new Set([...this.#byIndex.values()].map(({ slot }) => slot));
    const free = Array.from({ length: this.#wanted }, (_, slot) => slot).filter(
      (slot) => !taken.has(slot),
    );
    const slot = free.includes(index) ? index : free[0];
    if (slot === undefined) {
      // A gateway numbers thinking and answer apart: what has no text yet takes the answer.
      const silent = [...this.#byIndex.values()].find(
        ({ text, settled, end }) => text === "" && !settled && end === null,
      );
      if (silent === undefined || this.#wanted > 1) return null;
      this.#byIndex.set(index, silent);
      return silent;
    }
    const growing: Growing = {
      ...{ slot, text: "", bytes: 0, thought: false, declined: false },
      ...{ end: null, firm: false, others: 0, settled: false },
    };
    this.#byIndex.set(index, growing);
    return growing;
  }

  #take(growing: Growing, part: ChoicePart): Settled[] {
    const isNews = part.whole && part.content.startsWith(growing.text);
    const content = isNews ? part.content.slice(growing.text.length) : part.content;
    const bytes = encoder.encode(content).length;
    if (growing.settled) {
      this.#skippedBytes += bytes;
      return [];
    }
    if (growing.firm && content !== "") {
      // Behind its end, while others have not begun: another choice under the same index.
      if (this.seen < this.#wanted) {
        this.#duplicated = true;
        return [];
      }
      growing.firm = false;
    } else if (growing.firm && part.end !== null && this.seen < this.#wanted) {
      this.#duplicated = true;
      return [];
    }
    growing.text += content;
    growing.bytes += bytes;
    growing.thought ||= part.thought;
    growing.declined ||= part.declined;
    if (growing.bytes > MAX_CANDIDATE_BYTES) {
      this.#gaveUp = true;
      return [this.#fail(growing, "too_large")];
    }
    if (part.end === "error") return [this.#fail(growing, "server_error")];
    for (const other of this.#byIndex.values()) if (other !== growing) other.others += 1;
    if (part.end !== null) {
      growing.end = part.end;
      growing.others = 0;
      growing.firm = content === "" && growing.text !== "";
    }
    return [];
  }

  #giveOutFirm(): Settled[] {
    if (this.#wanted === 1 || this.seen < this.#wanted) return [];
    const all = [...new Set(this.#byIndex.values())];
    const ended = all.filter(({ settled, firm }) => settled || firm);
    const rounds = 2 * this.#wanted;
    return ended.flatMap((growing) => {
      const confirmed = ended.length > 1 || growing.others >= rounds;
      return growing.settled || !confirmed ? [] : [this.#giveOut(growing, growing.end ?? "other")];
    });
  }

  /** Whether a choice has ended and waits for its end to be confirmed. */
  get unconfirmed(): boolean {
    return (
      this.#wanted > 1 &&
      this.seen === this.#wanted &&
      !this.#duplicated &&
      [...this.#byIndex.values()].some(({ settled, firm }) => firm && !settled)
    );
  }

  /** The server has fallen silent: returns the choices that have ended. */
  silent(): Settled[] {
    return [...new Set(this.#byIndex.values())].flatMap((growing) =>
      growing.firm && !growing.settled ? [this.#giveOut(growing, growing.end ?? "other")] : [],
    );
  }

  #giveOut(growing: Growing, finishReason: FinishReason): Settled {
    const { slot: index, text: raw, thought, declined } = growing;
    Object.assign(growing, { text: "", end: finishReason, settled: true });
    const { text, thinking } = withoutThinking(raw);
    if (text.trim() === "") {
      if (declined) return { kind: "failed", index, reason: "declined" };
      if (finishReason === "content_filter") return { kind: "failed", index, reason: "filtered" };
      const only = thought || thinking !== "none";
      const candidate: Candidate = only
        ? { index, text: "", finishReason, state: "cut", cutBy: "thinking" }
        : { index, text, finishReason, state: "empty", cutBy: null };
      return { kind: "candidate", candidate };
    }
    const cutBy =
      finishReason === "length"
        ? "token_limit"
        : finishReason === "content_filter"
          ? "content_filter"
          : null;
    const state = cutBy === null ? "complete" : "cut";
    return { kind: "candidate", candidate: { index, text, finishReason, state, cutBy } };
  }

  #fail(growing: Growing, reason: GenerateFailure): Settled {
    Object.assign(growing, { text: "", settled: true });
    return { kind: "failed", index: growing.slot, reason };
  }
}
