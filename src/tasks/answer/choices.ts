/** The options of a question in the form that the parser compares tokens with. */
import type { Option } from "../question.ts";
import type { TaskSpec } from "../task.ts";
import { type Token, tokenize } from "./tokens.ts";

/** A word of one or more option texts; `labels`: the options whose text ends here. */
export interface WordNode {
  readonly next: Map<string, WordNode>;
  readonly labels: Set<string>;
}

export interface Choices {
  /**
   * Folded label ("b") -> the label as the caller wrote it, in the order of the options. The labels
   * of closed tasks are texts, not letters.
   */
  readonly letters: ReadonlyMap<string, string>;
  /** The option texts and the task's aliases, word by word: a walk costs at most 64 steps. */
  readonly texts: WordNode;
}

/** Longest part of an option's text that is compared, in words. */
const maxWords = 64;
const valueMarks = new Set(["<", ">", "+", "=", "/", "%"]);
export const articles: ReadonlySet<string> = new Set(["a", "an", "the"]);

/** Whether a token counts when option texts are compared: words, and the marks that change a value. */
export function isTextToken(token: Token): boolean {
  return token.kind === "word" || (token.kind === "mark" && valueMarks.has(token.text));
}

/** Labels, texts and aliases of these options. What two options share names neither. */
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
    addText(texts, label, words);
    const aliases = Object.hasOwn(task.parser.aliases, key) ? task.parser.aliases[key] : [];
    for (const alias of aliases ?? []) addText(texts, label, wordsOf(alias));
  }
  for (const word of shared) letters.delete(word);
  return { letters, texts };
}

function wordsOf(text: string): string[] {
  return tokenize(text)
    .filter(isTextToken)
    .map((token) => token.text);
}

function addText(root: WordNode, label: string, words: readonly string[]): void {
  const first = words.length > 1 && articles.has(words[0] ?? "") ? 1 : 0;
  if (words.length === 0) return;
  let node = root;
  for (const word of words.slice(first, first + maxWords)) {
    const known = node.next.get(word);
    const next = known ?? { next: new Map(), labels: new Set() };
    if (known === undefined) node.next.set(word, next);
    node = next;
  }
  node.labels.add(label);
}
