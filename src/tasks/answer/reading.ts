/**
 * Reads the answer that follows a marker or phrase, past words like "is most likely option"; lines that are nothing but
 * an answer ("B", "(B) text", "YES."); and a text's opening words.
 */

import { lexicon } from "./lexicon.ts";
import {
  type Choices,
  closers,
  type Found,
  isJoiner,
  isNamed,
  openers,
  readOption,
  skip,
  skipMarks,
} from "./options.ts";
import { isSentenceEnd } from "./sentence.ts";
import type { Token } from "./tokens.ts";

/**
 * `label`: one option; `several`: more than one ("A and C"); `nothing`: it says that no option is the
 * answer ("none of the above"); `denied`: negated ("the answer is not B"); `unread`: words that
 * name no option; `empty`: no words follow.
 */
export type Reading =
  | ({ readonly kind: "label" } & Found)
  | { readonly kind: "several"; readonly next: number }
  | { readonly kind: "nothing" | "denied" | "unread" | "empty" };

/** `final`: the last one wins; `phrase`: all must agree; `claim` ("B is the best option"): weakest. */
export interface Site {
  readonly strength: "final" | "phrase" | "claim";
  readonly at: number;
  readonly reading: Reading;
}

const leads = new Set([
  ...openers,
  ":",
  "-",
  "=",
  ">",
  ".",
  "#",
  "##",
  "###",
  "####",
  "|",
  "\\boxed",
  "\u2713",
]);
const maxSkipped = 16;
/** Most answers read from one list: limits the work on "A or A or A ...". */
const maxLinks = 8;

/** The answer that begins at token `start`; looks at most 16 tokens ahead for it. */
export function readAnswer(tokens: readonly Token[], start: number, choices: Choices): Reading {
  let named = false;
  let denied = false;
  for (let at = start; at < Math.min(tokens.length, start + maxSkipped); at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    const found = readOption(tokens, at, choices, named);
    if (found !== null) {
      const after = skip(tokens, found.next, closers);
      if (!lexicon.denials.has(tokens[after]?.text ?? "")) {
        return withOthers(tokens, found, choices);
      }
      denied = true;
      at = after;
      continue;
    }
    if (token.kind === "line") {
      if (at > start && isSentenceEnd(tokens[at - 1])) break;
      continue;
    }
    if (token.kind === "mark") {
      if (token.text === "</answer>") break;
      if (token.text === "." && !isDots(tokens, at)) break;
      if (token.text === "," && denied) continue;
      if (!leads.has(token.text))
        return token.text === "<answer>" ? { kind: "empty" } : { kind: "unread" };
      named = named && openers.has(token.text);
      continue;
    }
    if (lexicon.nothing.has(token.text)) return { kind: "nothing" };
    if (lexicon.negations.has(token.text)) {
      const but = adversativeAfter(tokens, at);
      if (but === null) return { kind: "denied" };
      at = but;
      continue;
    }
    const skipped = [lexicon.fillers, lexicon.copulas, lexicon.articles].some((list) =>
      list.has(token.text),
    );
    if (!skipped && !(denied && lexicon.adversatives.has(token.text))) return { kind: "unread" };
    named = isNamed(token);
  }
  return { kind: denied ? "denied" : "empty" };
}

/** "not B but C": the place of "but" in the same sentence, at most eight tokens on; null without one. */
function adversativeAfter(tokens: readonly Token[], at: number): number | null {
  for (let next = at + 1; next < at + 9; next += 1) {
    const token = tokens[next];
    if (token === undefined || token.kind === "line" || isSentenceEnd(token)) return null;
    if (lexicon.adversatives.has(token.text)) return next;
  }
  return null;
}

/** "A and C", "B or D", "A, B, C": more than one answer, unless all are the same. */
function withOthers(tokens: readonly Token[], found: Found, choices: Choices): Reading {
  if (found.rival) return { kind: "several", next: found.next };
  let next = skip(tokens, found.next, closers);
  let several = false;
  for (let links = 0; links < maxLinks; links += 1) {
    const from = next;
    while (next < from + 3 && isJoiner(tokens[next])) next += 1;
    if (next === from) break;
    let other = skip(tokens, next, openers);
    const named = isNamed(tokens[other]) || lexicon.answers.has(tokens[other]?.text ?? "");
    if (named) other = skip(tokens, other + 1, openers);
    const read = readOption(tokens, other, choices);
    if (read === null || (read.byText && !found.byText)) break;
    several ||= read.label !== found.label;
    next = skip(tokens, read.next, closers);
  }
  several ||= listGoesOn(tokens, found, choices);
  return several ? { kind: "several", next } : { kind: "label", ...found };
}

/** "- (C) text" and a next line "- (H) text", both whole: a list of answers. */
function listGoesOn(tokens: readonly Token[], found: Found, choices: Choices): boolean {
  const end = skipMarks(tokens, found.next);
  if (!found.verified || tokens[end]?.kind !== "line") return false;
  const other = readOption(tokens, skipMarks(tokens, end + 1), choices);
  if (other === null || !other.verified || other.label === found.label) return false;
  const after = tokens[skipMarks(tokens, other.next)];
  return after === undefined || after.kind === "line";
}

function isDots(tokens: readonly Token[], at: number): boolean {
  return tokens[at + 1]?.text === "." || tokens[at - 1]?.text === ".";
}

/** A line by its tokens `[start, end)`, and its answer, if the whole line is one. */
export interface Line {
  readonly start: number;
  readonly end: number;
  readonly answer: Found | null;
}

const trailing = new Set([...closers, ".", "!", ",", ";", "|", "(", "[", "\u2713"]);

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
  const whole = readOption(tokens, first, choices);
  // "Option C": the noun is no part of the answer, unless an option's text begins with it.
  if (whole === null && isNamed(tokens[first])) first = skip(tokens, first + 1, openers);
  const found = whole ?? readOption(tokens, first, choices, true);
  if (found === null || found.rival || found.next > end) return null;
  let rest = found.next;
  while (rest < end && isTrailing(tokens[rest])) rest += 1;
  return rest >= end ? found : null;
}

/** Signs that may end a line behind its answer, and verbs ("C입니다"). */
function isTrailing(token: Token | undefined): boolean {
  const text = token?.text ?? "";
  return trailing.has(text) || lexicon.finals.has(text);
}

/**
 * The answer that lines before the last (headings excluded) consist of, if all such lines name the same option.
 */
export function onlyAnswer(tokens: readonly Token[], lines: readonly Line[]): Found | null {
  const plain = lines.slice(0, -1).filter((line) => tokens[line.start]?.text[0] !== "#");
  const found = plain.flatMap((line) => (line.answer === null ? [] : [line.answer]));
  const [first] = found;
  return first !== undefined && found.every(({ label }) => label === first.label) ? first : null;
}

/**
 * The answer that is the whole last line, or else its last sentence. None if that line continues a list of options.
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

/** Whether the last line continues a list: "B. Text: too weak." and then a line "C. Text". */
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
  if (found === null || after === undefined || ["(", "/"].includes(after.text)) return null;
  const reason = lexicon.reasons.has(after.text) && !found.byText;
  if (after.kind !== "mark" && !reason && (found.byText || !found.verified)) return null;
  const stated =
    reason || found.byText || found.verified || after.text === "," || after.text === "-";
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
