/**
 * When each token of a replayed completion leaves, so that a replay feels like an LLM: a wait for the
 * first token, then tokens at a rate, every choice at its own. Jitter comes from a seeded generator:
 * the same question is always replayed with the same rhythm.
 */
import { pause } from "../../src/net/sharedWork.ts";

/** `firstTokenMs` milliseconds to the first token, then `tokensPerSecond` for each choice. */
export interface Pace {
  readonly firstTokenMs: number;
  readonly tokensPerSecond: number;
}

/** No waiting at all. */
export const PACE_OFF: Pace = { firstTokenMs: 0, tokensPerSecond: Number.POSITIVE_INFINITY };
/** About what a hosted 8B to 70B model does. */
export const PACE_REAL: Pace = { firstTokenMs: 350, tokensPerSecond: 70 };

/** Reads `off`, `real` or `<ms to first token>,<tokens per second>`; null where it is none of these. */
export function parsePace(text: string): Pace | null {
  if (text === "off") return PACE_OFF;
  if (text === "real") return PACE_REAL;
  const match = /^(\d{1,6}),(\d{1,6})$/u.exec(text);
  const tokensPerSecond = Number(match?.[2]);
  if (match === null || tokensPerSecond === 0) return null;
  return { firstTokenMs: Number(match[1]), tokensPerSecond };
}

/** One token on its way: `choice` is a position in the list of choices, `last` ends that choice. */
export interface Delivery {
  readonly atMs: number;
  readonly choice: number;
  readonly token: string;
  readonly last: boolean;
}

/** Splits a text into pieces of about a token's size; joined they are the text again. */
export function tokenPieces(text: string): string[] {
  return text.match(/\s*\S{1,7}|\s+$/gu) ?? [];
}

/** Uniform numbers in [0, 1) from a seed text (FNV-1a, then Steele's mix as in mulberry32). */
function seeded(seed: string): () => number {
  let state = 0x811c9dc5;
  for (const char of seed) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Puts the tokens of all choices in the order and at the times they leave: interleaved, as servers
 * that batch their choices send them, or one choice after the other.
 * @param choices tokens of each choice; an empty choice still has one (empty) last delivery
 */
export function schedule(
  choices: readonly (readonly string[])[],
  pace: Pace,
  seed: string,
  order: "interleaved" | "sequential" = "interleaved",
): Delivery[] {
  const deliveries = choices.flatMap((tokens, choice) => {
    const random = seeded(`${seed}/${choice}`);
    const gapMs = 1000 / (pace.tokensPerSecond * (0.8 + 0.4 * random()));
    let atMs = pace.firstTokenMs * (0.9 + 0.2 * random());
    return (tokens.length === 0 ? [""] : tokens).map((token, position, all) => {
      if (position > 0) atMs += gapMs * (0.5 + random());
      return { atMs, choice, position, token, last: position === all.length - 1 };
    });
  });
  if (order === "interleaved") {
    deliveries.sort((a, b) => a.atMs - b.atMs || a.position - b.position || a.choice - b.choice);
  }
  return deliveries;
}

/** Waits until `dueAt` (by `performance.now()`) or until the signal fires; not at all where that time is past. */
export async function waitUntilDue(dueAt: number, signal: AbortSignal): Promise<void> {
  const leftMs = dueAt - performance.now();
  if (leftMs > 0) await pause(leftMs, signal);
}
