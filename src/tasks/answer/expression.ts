/** Reads an answer where one is expected to stand: a letter, "(B)", "B. text", or an option's text. */
import { type Choices, isTextToken } from "./choices.ts";
import { lexicon } from "./lexicon.ts";
import type { Token } from "./tokens.ts";

/**
 * `label`: one option, read up to token `next`; `several`: more than one ("A and C");
 * `nothing`: says that no option is the answer ("none of the above"); `denied`: negated
 * ("the answer is not B"); `unread`: words that name no option; `empty`: nothing stands there.
 */
export type Reading =
  | {
      readonly kind: "label";
      readonly label: string;
      readonly byText: boolean;
      readonly next: number;
    }
  | { readonly kind: "several" | "nothing" | "denied" | "unread" | "empty" };

const openers = new Set(["(", "[", "{", '"', "'", "<answer>", "\\boxed"]);
const closers = new Set([")", "]", "}", '"', "'", "</answer>"]);
const leads = new Set([...openers, ":", "-", "=", ">", ".", "#", "##", "###", "####", "|"]);
const maxSkipped = 14;

/** The answer that begins at token `start`, after words like "is most likely option". */
export function readAnswer(tokens: readonly Token[], start: number, choices: Choices): Reading {
  let named = false;
  for (let at = start; at < Math.min(tokens.length, start + maxSkipped); at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    const found = readOne(tokens, at, choices, named);
    if (found !== null) return withOthers(tokens, found, choices);
    if (token.kind === "line") {
      if (at > start && isSentenceEnd(tokens[at - 1])) break;
      continue;
    }
    if (token.kind === "mark") {
      if (token.text === "</answer>") return { kind: "empty" };
      if (token.text === "." && !isDots(tokens, at)) break;
      if (!leads.has(token.text)) return { kind: "unread" };
      named = named && openers.has(token.text);
      continue;
    }
    if (token.text === "none" || lexicon.nothing.has(token.text)) return { kind: "nothing" };
    if (lexicon.negations.has(token.text)) return { kind: "denied" };
    if (!lexicon.fillers.has(token.text) && !lexicon.copulas.has(token.text))
      return { kind: "unread" };
    named = token.text === "option" || token.text === "choice" || token.text === "letter";
  }
  return { kind: "empty" };
}

interface Found {
  readonly label: string;
  readonly byText: boolean;
  readonly next: number;
}

/** A letter or an option's text exactly at `at`; null where neither stands there. */
export function readOne(
  tokens: readonly Token[],
  at: number,
  choices: Choices,
  named: boolean,
): Found | null {
  const text = readText(tokens, at, choices);
  const letter = readLetter(tokens, at, choices, named);
  if (letter !== null && (text === null || text.next <= letter.next)) {
    const own = readText(tokens, skipMarks(tokens, letter.next), choices);
    return own !== null && own.label === letter.label ? { ...letter, next: own.next } : letter;
  }
  return text;
}

/** An option's whole text at `at`, the longest that fits, ending where a phrase can end. */
export function readText(tokens: readonly Token[], at: number, choices: Choices): Found | null {
  const first = tokens[at];
  if (first === undefined || !isTextToken(first)) return null;
  for (const wording of choices.wordings.get(first.text) ?? []) {
    let next = at;
    let matched = 0;
    while (matched < wording.words.length) {
      const token = tokens[next];
      if (token === undefined) break;
      if (isTextToken(token)) {
        if (token.text !== wording.words[matched]) break;
        matched += 1;
      } else if (token.kind === "line" && matched === 0) break;
      next += 1;
    }
    if (matched === wording.words.length && endsPhrase(tokens, next, choices)) {
      return { label: wording.label, byText: true, next };
    }
  }
  return null;
}

/** A single label letter at `at`, told from the article "a" and from words like "B cells". */
function readLetter(
  tokens: readonly Token[],
  at: number,
  choices: Choices,
  named: boolean,
): Found | null {
  const token = tokens[at];
  const label = token?.kind === "word" ? choices.letters.get(token.text) : undefined;
  if (token === undefined || label === undefined) return null;
  const found: Found = { label, byText: false, next: at + 1 };
  const after = tokens[at + 1];
  const before = tokens[at - 1];
  const enclosed = before?.kind === "mark" && openers.has(before.text);
  if (after === undefined || after.kind === "line") return found;
  if (after.kind === "mark") {
    if (after.text === "-" && after.glued && tokens[at + 2]?.glued) return null;
    if (after.text === "'" && !enclosed) return null;
    if (closers.has(after.text) || token.capital) return found;
    return [".", ",", ":", ";", "!"].includes(after.text) ? found : null;
  }
  if (!token.capital) return null;
  if (readText(tokens, at + 1, choices)?.label === label) return found;
  if (named || lexicon.connectors.has(after.text)) return found;
  return isJoined(tokens, at + 1, choices) || (after.capital && token.text !== "a") ? found : null;
}

/** "A and C", "B or D", "A, B, C": more than one answer, unless all are the same. */
function withOthers(tokens: readonly Token[], found: Found, choices: Choices): Reading {
  let next = skipClosers(tokens, found.next);
  for (;;) {
    let joined = false;
    while (isJoiner(tokens[next])) {
      joined = true;
      next += 1;
    }
    if (!joined) break;
    let other = skipOpeners(tokens, next);
    const named = ["option", "choice"].includes(tokens[other]?.text ?? "");
    if (named) other = skipOpeners(tokens, other + 1);
    const read = readOne(tokens, other, choices, false);
    if (read === null || (read.byText && found.byText === false)) break;
    if (read.label !== found.label) return { kind: "several" };
    next = skipClosers(tokens, read.next);
  }
  return { kind: "label", ...found };
}

function isJoined(tokens: readonly Token[], at: number, choices: Choices): boolean {
  const next = tokens[at + 1];
  return (
    isJoiner(tokens[at]) && next?.kind === "word" && next.capital && choices.letters.has(next.text)
  );
}

function isJoiner(token: Token | undefined): boolean {
  if (token === undefined || token.kind === "line") return false;
  return token.kind === "word"
    ? lexicon.joiners.has(token.text)
    : [",", "/", "&", "+"].includes(token.text);
}

/** Where an option's text may end: before a mark, a line end, or a word that goes on with a reason. */
function endsPhrase(tokens: readonly Token[], next: number, choices: Choices): boolean {
  const token = tokens[next];
  if (token === undefined || token.kind === "line") return true;
  if (token.kind === "mark") return !(token.text === "-" && token.glued && tokens[next + 1]?.glued);
  if (!lexicon.joiners.has(token.text)) return lexicon.connectors.has(token.text);
  const other = tokens[skipOpeners(tokens, next + 1)]?.text ?? "";
  return choices.letters.has(other) || choices.wordings.has(other);
}

function isDots(tokens: readonly Token[], at: number): boolean {
  return tokens[at + 1]?.text === "." || tokens[at - 1]?.text === ".";
}

function isSentenceEnd(token: Token | undefined): boolean {
  return token?.kind === "mark" && [".", "!", "?"].includes(token.text);
}

/** The first token from `at` that is no mark (option text after "B." or "B) "). */
export function skipMarks(tokens: readonly Token[], at: number): number {
  let next = at;
  while (next < at + 4 && tokens[next]?.kind === "mark") next += 1;
  return next;
}

function skipOpeners(tokens: readonly Token[], at: number): number {
  let next = at;
  while (next < at + 4 && openers.has(tokens[next]?.text ?? "")) next += 1;
  return next;
}

function skipClosers(tokens: readonly Token[], at: number): number {
  let next = at;
  while (next < at + 4 && closers.has(tokens[next]?.text ?? "")) next += 1;
  return next;
}
