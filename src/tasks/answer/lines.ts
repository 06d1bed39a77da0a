/** Reads lines that are nothing but an answer ("B", "(B) text", "YES.") and a text's opening words. */
import type { Choices } from "./choices.ts";
import { closers, type Found, readOption, skipMarks } from "./expression.ts";
import { readAnswer } from "./reading.ts";
import { isSentenceEnd } from "./sentence.ts";
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

/**
 * The answer that the last line consists of, or else its last sentence; not where that line goes
 * on a list of options.
 */
export function lastAnswer(
  tokens: readonly Token[],
  lines: readonly Line[],
  choices: Choices,
): Found | null {
  const last = lines.at(-1);
  if (last === undefined) return null;
  if (last.answer === null) return lastSentence(tokens, last, choices);
  const before = lines.at(-2);
  if (before === undefined) return last.answer;
  if (before.answer !== null && before.answer.label !== last.answer.label) return null;
  const listed = !last.answer.byText && goesOnList(tokens, before, last.answer, choices);
  return listed ? null : last.answer;
}

/** "B. Text: too weak." and then a line "C. Text": the next of a list. */
function goesOnList(
  tokens: readonly Token[],
  before: Line,
  answer: Found,
  choices: Choices,
): boolean {
  const other = startOfLine(tokens, before, choices);
  if (other === null || other.byText) return false;
  const marked = other.verified || tokens[other.next]?.kind === "mark";
  const labels = [...choices.letters.values()];
  return marked && labels.indexOf(other.label) + 1 === labels.indexOf(answer.label);
}

/** "The difference was significant. **Yes**": the last sentence, after a longer word than "Fig.". */
function lastSentence(tokens: readonly Token[], line: Line, choices: Choices): Found | null {
  let end = line.end;
  while (end > line.start && tokens[end - 1]?.kind === "mark") end -= 1;
  let start = end;
  while (start > line.start && !isSentenceEnd(tokens[start - 1])) start -= 1;
  const before = tokens[start - 2];
  if (before === undefined || before.kind !== "word" || before.text.length < 4) return null;
  const found = wholeLine(tokens, start, line.end, choices);
  const article = found !== null && end === line.end && tokens[end - 1]?.text === "a";
  return article ? null : found;
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
  const after = found === null ? undefined : tokens[found.next];
  if (found === null || after?.kind !== "mark" || ["(", "/"].includes(after.text)) return null;
  const stated = found.byText || found.verified || after.text === "," || after.text === "-";
  if (!stated || readAnswer(tokens, start, choices).kind !== "label") return null;
  const others = lines.some((line) => {
    const other = startOfLine(tokens, line, choices);
    return other !== null && other.label !== found.label && other.byText === found.byText;
  });
  return others ? null : found;
}

function startOfLine(tokens: readonly Token[], line: Line, choices: Choices): Found | null {
  return readOption(tokens, Math.min(skipMarks(tokens, line.start), line.end), choices);
}
