/** Which recorded candidates a request gets, and how a planned fault changes them. */
import type { FailureMode } from "./failures.ts";
import { tokenPieces } from "./pacing.ts";
import type { Recording } from "./recordings.ts";

/** One choice as it will be sent; `finish` null: the field is never filled. */
export interface Choice {
  readonly index: number;
  readonly tokens: readonly string[];
  readonly finish: "stop" | "length" | "content_filter" | "error" | null;
}

/**
 * `n` candidates of the recording, from number `first` on; fewer where the recording ends.
 * @param maxTokens longer ones are cut there with finish_reason "length"; null: no limit
 */
export function recordedChoices(
  recording: Recording,
  first: number,
  n: number,
  maxTokens: number | null,
): Choice[] {
  return recording.candidates.slice(first, first + n).map(({ text }, index) => {
    const tokens = tokenPieces(text);
    return maxTokens !== null && tokens.length > maxTokens
      ? { index, tokens: tokens.slice(0, maxTokens), finish: "length" }
      : { index, tokens, finish: "stop" };
  });
}

const HUGE_TOKENS: readonly string[] = Array.from({ length: 1280 }, () => "x".repeat(16 * 1024));

type Fault = (choice: Choice) => Choice;

const endingHalfWay =
  (finish: Choice["finish"]): Fault =>
  ({ index, tokens }) => ({
    index,
    tokens: tokens.slice(0, Math.ceil(tokens.length / 2)),
    finish,
  });

const anyOf = () => true;
const first = (position: number) => position === 0;
const second = (position: number) => position === 1;
const notFirst = (position: number) => position > 0;
const last = (position: number, count: number) => position === count - 1;

/** Faults of single choices: which ones are hit, and what becomes of them. */
const CHOICE_FAULTS: Partial<
  Record<FailureMode, [hit: (position: number, count: number) => boolean, fault: Fault]>
> = {
  "duplicate-indices": [anyOf, (choice) => ({ ...choice, index: 0 })],
  "no-finish": [anyOf, (choice) => ({ ...choice, finish: null })],
  "fail-one-of-k": [second, endingHalfWay("error")],
  "fail-all-but-one": [notFirst, endingHalfWay("error")],
  "finish-length": [first, endingHalfWay("length")],
  "content-filter": [first, endingHalfWay("content_filter")],
  "empty-text": [first, (choice) => ({ ...choice, tokens: [] })],
  "huge-candidate": [last, (choice) => ({ ...choice, tokens: HUGE_TOKENS })],
  "huge-event": [last, (choice) => ({ ...choice, tokens: [HUGE_TOKENS.join("")] })],
};

/** The choices as a server with this fault would send them; transport faults change nothing here. */
export function spoil(choices: readonly Choice[], mode: FailureMode | null): readonly Choice[] {
  if (mode === "ignore-n") return choices.slice(0, 1);
  if (mode === "empty-choices") return [];
  const [hit, fault] = (mode && CHOICE_FAULTS[mode]) ?? [() => false, (choice: Choice) => choice];
  return choices.map((choice, position) =>
    hit(position, choices.length) ? fault(choice) : choice,
  );
}
