/** Reads lines that are nothing but an answer: "B", "(B) text", "YES.", an option's text alone. */
import type { Choices } from "./choices.ts";
import { type Reading, readOne, skipMarks } from "./expression.ts";
import type { Token } from "./tokens.ts";

/** A line that states an answer and nothing else; `index` counts lines that hold any token. */
export interface AnswerLine {
  readonly index: number;
  readonly reading: Reading & { readonly kind: "label" };
}

/** Start and end token of every line that is not blank. */
export function splitLines(tokens: readonly Token[]): [number, number][] {
  const lines: [number, number][] = [];
  let start = 0;
  for (let at = 0; at <= tokens.length; at += 1) {
    const token = tokens[at];
    if (token !== undefined && token.kind !== "line") continue;
    if (at > start) lines.push([start, at]);
    start = at + 1;
  }
  return lines;
}

/** The answer that this line consists of, or null. */
export function readLine(
  tokens: readonly Token[],
  start: number,
  end: number,
  choices: Choices,
): AnswerLine["reading"] | null {
  const line = tokens.slice(start, end);
  let first = 0;
  while (first < line.length && line[first]?.kind === "mark") first += 1;
  const found = readOne(line, first, choices, false);
  if (found === null || skipMarks(line, found.next) < line.length) return null;
  return { kind: "label", ...found };
}
