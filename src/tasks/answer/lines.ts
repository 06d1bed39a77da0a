/** Reads lines that are nothing but an answer ("B", "(B) text", "YES.") and a text's opening words. */
import type { Choices } from "./choices.ts";
import { closers, type Found, readOption, skipMarks } from "./expression.ts";
import { readAnswer } from "./reading.ts";
import type { Token } from "./tokens.ts";

/** A line by its tokens `[start, end)`, and the answer that it wholly consists of. */
export interface Line {
  readonly start: number;
  readonly end: number;
  readonly answer: Found | null;
}

const trailing = new Set([...closers, ".", "!", ",", ";", "|", "(", "["]);

/** All lines that are not blank. */
export function readLines(tokens: readonly Token[], choices: Choices): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (let at = 0; at <= tokens.length; at += 1) {
    const token = tokens[at];
    if (token !== undefined && token.kind !== "line") continue;
    if (at > start) lines.push({ start, end: at, answer: wholeLine(tokens, start, at, choices) });
    start = at + 1;
  }
  return lines;
}

function wholeLine(
  tokens: readonly Token[],
  start: number,
  end: number,
  choices: Choices,
): Found | null {
  let first = start;
  while (first < end && tokens[first]?.kind === "mark") first += 1;
  const found = readOption(tokens, first, choices);
  if (found === null || found.rival || found.next > end) return null;
  let rest = found.next;
  while (rest < end && trailing.has(tokens[rest]?.text ?? "")) rest += 1;
  return rest >= end ? found : null;
}

/**
 * The answer that stands alone on lines (no headings) before the last, where all such lines name
 * one option.
 */
export function onlyAnswer(tokens: readonly Token[], lines: readonly Line[]): Found | null {
  const plain = lines.slice(0, -1).filter((line) => tokens[line.start]?.text[0] !== "#");
  const found = plain.flatMap((line) => (line.answer === null ? [] : [line.answer]));
  const [first] = found;
  return first !== undefined && found.every(({ label }) => label === first.label) ? first : null;
}

/** The answer that the last line consists of, unless that line goes on a list of options. */
export function lastAnswer(
  tokens: readonly Token[],
  lines: readonly Line[],
  choices: Choices,
): Found | null {
  const answer = lines.at(-1)?.answer ?? null;
  const before = lines.at(-2);
  if (answer === null || before === undefined) return answer;
  const other = startOfLine(tokens, before, choices);
  const heading = tokens.slice(before.start, before.end).some((token) => token.text === "answer");
  const listed = other !== null && !heading && !other.byText && other.label !== answer.label;
  const options = before.answer !== null && before.answer.label !== answer.label;
  return options || (listed && !answer.byText) ? null : answer;
}

/** "Yes, the study shows ...", "B. Text. Because ...": an answer in the first words of a text. */
export function opening(
  tokens: readonly Token[],
  lines: readonly Line[],
  choices: Choices,
): Found | null {
  let start = 0;
  while (start < tokens.length && tokens[start]?.kind !== "word") start += 1;
  const found = readOption(tokens, start, choices);
  if (found === null || (!found.byText && !found.verified)) return null;
  const after = tokens[found.next];
  if (after === undefined || after.kind !== "mark" || ["(", "/"].includes(after.text)) return null;
  if (readAnswer(tokens, start, choices).kind !== "label") return null;
  const others = lines.some((line) => {
    const other = startOfLine(tokens, line, choices);
    return other !== null && other.label !== found.label && other.byText === found.byText;
  });
  return others ? null : found;
}

function startOfLine(tokens: readonly Token[], line: Line, choices: Choices): Found | null {
  return readOption(tokens, Math.min(skipMarks(tokens, line.start), line.end), choices);
}
