/**
 * The options of a question in a form to compare tokens with; and the reader that recognises one option at one place: a
 * letter ("B", "(B)", "B. text") or an option's whole text.
 */
import type { Option } from "../question.ts";
import type { TaskSpec } from "../task.ts";
import { joinTerms, lexicon } from "./lexicon.ts";
import { type Token, tokenize } from "./tokens.ts";

/** A word of one or more option texts; `labels`: the options whose text ends here. */
export interface WordNode {
  readonly next: Map<string, WordNode>;
  readonly labels: Set<string>;
}

export interface Choices {
  /**
   * Folded label ("b") -> the label as the caller wrote it, in the order of the options. Labels of closed tasks are
   * texts, not letters.
   */
  readonly letters: ReadonlyMap<string, string>;
  /** The option texts and the task's aliases, word by word: a walk costs at most 64 steps. */
  readonly texts: WordNode;
}

/** Longest part of an option's text that is compared, in words. */
const maxWords = 64;
const valueMarks = new Set(["<", ">", "+", "=", "/", "%"]);
/** Cyrillic letters that look like a Latin one, and are the same option in any alphabet or none in the other. */
const lookalikes = [
  ["\u0430", "a"],
  ["\u0441", "c"],
  ["\u0435", "e"],
] as const;
/** Labels of closed tasks that have other words in other languages. */
const translated = ["yes", "no", "maybe", "true", "false"] as const;

/** Whether a token counts when option texts are compared: words, and the marks that change a value. */
function isTextToken(token: Token): boolean {
  return token.kind === "word" || (token.kind === "mark" && valueMarks.has(token.text));
}

/** Labels, texts and aliases of these options. What two options share identifies neither. */
export function readChoices(task: TaskSpec, options: readonly Option[]): Choices {
  const letters = new Map<string, string>();
  const shared = new Set<string>();
  const texts: WordNode = { next: new Map(), labels: new Set() };
  for (const { label, text } of options) {
    const [word, ...more] = wordsOf(label);
    const words = wordsOf(text);
    const key = words.join(" ");
    if (word !== undefined && more.length === 0 && word !== key) {
      if (letters.has(word)) shared.add(word);
      letters.set(word, label);
    }
    addText(texts, label, text);
    const aliases = Object.hasOwn(task.parser.aliases, key) ? task.parser.aliases[key] : [];
    for (const alias of aliases ?? []) addText(texts, label, alias);
    const name = translated.find((word) => word === key);
    for (const term of name === undefined ? [] : lexicon[name]) {
      addText(texts, label, term);
    }
  }
  for (const word of shared) letters.delete(word);
  if (![...letters.keys()].some((word) => word >= "\u0400" && word < "\u0500")) {
    for (const [cyrillic, latin] of lookalikes) {
      const label = letters.get(latin);
      if (label !== undefined) letters.set(cyrillic, label);
    }
  }
  return { letters, texts };
}

function wordsOf(text: string): string[] {
  return joinTerms(tokenize(text))
    .filter(isTextToken)
    .map((token) => token.text);
}

/** Adds a text without its article ("the liver", but not "IL-4"), which a reader skips. */
function addText(root: WordNode, label: string, text: string): void {
  const tokens = joinTerms(tokenize(text));
  const article = lexicon.articles.has(tokens[0]?.text ?? "") && tokens[1]?.kind === "word";
  const words = tokens.slice(article ? 1 : 0).filter(isTextToken);
  if (words.length === 0) return;
  let node = root;
  for (const { text: word } of words.slice(0, maxWords)) {
    const known = node.next.get(word);
    const next = known ?? { next: new Map(), labels: new Set() };
    if (known === undefined) node.next.set(word, next);
    node = next;
  }
  node.labels.add(label);
}

/** An option found at a place. It ends before token `next`. */
export interface Found {
  readonly label: string;
  /** Read from the option's text, without its letter. */
  readonly byText: boolean;
  /** Letter and text stand together and agree. */
  readonly verified: boolean;
  /** The letter stands in brackets or quotes. */
  readonly enclosed: boolean;
  /** The letter is followed by the whole text of another option: two answers in one place. */
  readonly rival: boolean;
  readonly next: number;
}

export const openers: ReadonlySet<string> = new Set(["(", "[", "{", '"', "'"]);
export const closers: ReadonlySet<string> = new Set([")", "]", "}", '"', "'", "</answer>"]);
const separators = new Set([...closers, ".", ":", ",", "-", "=", ">", "(", "["]);
/** Marks and line ends that may stand between two words of an option's text. */
const maxMarks = 4;

/** A letter or an option's text exactly at `at`; null where neither stands there. */
export function readOption(
  tokens: readonly Token[],
  at: number,
  choices: Choices,
  named = false,
): Found | null {
  const text = readText(tokens, at, choices);
  const letter = readLetter(tokens, at, choices, named);
  if (letter === null || (text !== null && text.next > letter.next)) {
    return text === null ? null : withLetter(tokens, text, choices);
  }
  const own = readText(tokens, skip(tokens, letter.next, separators), choices);
  if (own?.label === letter.label) return { ...letter, verified: true, next: own.next };
  return { ...letter, rival: own !== null && endsSentence(tokens, own.next) };
}

/** "text (B)": an option's text, with its letter behind it where there is one. */
function withLetter(tokens: readonly Token[], text: Found, choices: Choices): Found {
  const opened = skip(tokens, text.next, openers);
  if (opened === text.next) return text;
  const at = isNamed(tokens[opened]) ? opened + 1 : opened;
  if (choices.letters.get(tokens[at]?.text ?? "") !== text.label) return text;
  return { ...text, verified: true, next: skip(tokens, at + 1, closers) };
}

/** Whether a line or sentence ends here, closing signs apart. */
export function endsSentence(tokens: readonly Token[], at: number): boolean {
  const token = tokens[skip(tokens, at, closers)];
  return token === undefined || token.kind === "line" || token.text === ".";
}

/** An option's whole text at `at`, with or without an article before it. */
function readText(tokens: readonly Token[], at: number, choices: Choices): Found | null {
  const bare = lexicon.articles.has(tokens[at]?.text ?? "") && tokens[at + 1]?.kind === "word";
  return (bare ? readWords(tokens, at + 1, choices) : null) ?? readWords(tokens, at, choices);
}

/** The longest option text that begins at `at` and ends where a phrase can end. */
function readWords(tokens: readonly Token[], at: number, choices: Choices): Found | null {
  let node: WordNode | undefined = choices.texts;
  let found: Found | null = null;
  let marks = 0;
  for (let next = at; marks < maxMarks; next += 1) {
    const token = tokens[next];
    if (token === undefined) break;
    if (!isTextToken(token)) {
      if (next === at) break;
      marks += 1;
      continue;
    }
    node = node.next.get(token.text);
    if (node === undefined) break;
    marks = 0;
    const [label, ...others] = node.labels;
    if (label !== undefined && others.length === 0 && endsPhrase(tokens, next + 1, choices)) {
      found = {
        label,
        byText: true,
        verified: false,
        enclosed: false,
        rival: false,
        next: next + 1,
      };
    }
  }
  return found;
}

/** A single label letter at `at`, distinguished from the article "a" and from words like "B cells". */
function readLetter(
  tokens: readonly Token[],
  at: number,
  choices: Choices,
  named: boolean,
): Found | null {
  const token = tokens[at];
  const label = token?.kind === "word" ? choices.letters.get(token.text) : undefined;
  if (token === undefined || label === undefined) return null;
  const after = tokens[at + 1];
  const before = tokens[at - 1];
  const enclosed =
    before?.kind === "mark" && (openers.has(before.text) || before.text === "\\boxed");
  const found: Found = {
    label,
    byText: false,
    verified: false,
    enclosed: enclosed && closers.has(after?.text ?? ""),
    rival: false,
    next: at + 1,
  };
  if (after === undefined || after.kind === "line") return found;
  if (after.kind === "mark") {
    if (isHyphen(tokens, at + 1)) {
      return readText(tokens, at + 2, choices)?.label === label ? found : null;
    }
    if (after.text === "'" && !enclosed) return null;
    if (token.capital || closers.has(after.text)) return found;
    return [".", ",", ":", ";", "!"].includes(after.text) ? found : null;
  }
  const reason = lexicon.reasons.has(after.text);
  if (!token.capital) return reason && !wordLetters.has(token.text) ? found : null;
  if (token.text === "i") return reason || after.text === "is" ? found : null;
  if (named || followers.some((list) => list.has(after.text))) return found;
  if (readText(tokens, at + 1, choices)?.label === label) return found;
  return isJoined(tokens, at + 1, choices) || (after.capital && token.text !== "a") ? found : null;
}

/** Letters that are words of a language: "because" behind them is no sign of an option. */
const wordLetters: ReadonlySet<string> = new Set("aeiouywz".split(""));

/** Words behind an option. */
const followers = [
  lexicon.connectors,
  lexicon.finals,
  lexicon.denials,
  lexicon.chosen,
  lexicon.suffixes,
];

/** "option", "choice", "letter": the letter behind it is an option's. */
export function isNamed(token: Token | undefined): boolean {
  const text = token?.text ?? "";
  return lexicon.nouns.has(text) || lexicon.letters.has(text);
}

/** Whether a list continues here: ", B", "and (C)". */
function isJoined(tokens: readonly Token[], at: number, choices: Choices): boolean {
  if (!isJoiner(tokens[at])) return false;
  const next = tokens[skip(tokens, at + 1, openers)];
  return next?.kind === "word" && next.capital && choices.letters.has(next.text);
}

export function isJoiner(token: Token | undefined): boolean {
  if (token === undefined || token.kind === "line") return false;
  if (token.kind === "word") {
    return lexicon.joiners.has(token.text) && !(token.capital && token.text.length === 1);
  }
  return [",", "/", "&", "+"].includes(token.text);
}

/** Whether an option's text may end here: before a mark, a line end, or a word that begins a reason. */
function endsPhrase(tokens: readonly Token[], next: number, choices: Choices): boolean {
  const token = tokens[next];
  if (token === undefined || token.kind === "line") return true;
  if (token.kind === "mark") return !isHyphen(tokens, next);
  if (!lexicon.joiners.has(token.text)) return lexicon.connectors.has(token.text);
  const other = tokens[skip(tokens, next + 1, openers)]?.text ?? "";
  return choices.letters.has(other) || choices.texts.next.has(other);
}

/** Whether there is a hyphen inside a compound ("B-lymphocyte") here, not a dash. */
function isHyphen(tokens: readonly Token[], at: number): boolean {
  const after = tokens[at + 1];
  const inside = tokens[at]?.text === "-" && tokens[at]?.glued === true;
  return inside && after?.kind === "word" && after.glued;
}

/** The first token from `at`, at most four later, that is not one of these marks. */
export function skip(tokens: readonly Token[], at: number, marks: ReadonlySet<string>): number {
  let next = at;
  while (next < at + 4 && tokens[next]?.kind === "mark" && marks.has(tokens[next]?.text ?? "")) {
    next += 1;
  }
  return next;
}

/** The first token from `at`, at most six later, that is not a mark. */
export function skipMarks(tokens: readonly Token[], at: number): number {
  let next = at;
  while (next < at + 6 && tokens[next]?.kind === "mark") next += 1;
  return next;
}
