/** The options of a question in the form that the parser compares tokens with. */
import type { Option } from "../question.ts";
import type { TaskSpec } from "../task.ts";
import { type Token, tokenize } from "./tokens.ts";

/** One wording of one option: its words and the marks that change a value, at most 64. */
interface Wording {
  readonly label: string;
  readonly words: readonly string[];
}

export interface Choices {
  /** Folded single-word label -> the option's label as the caller wrote it; closed labels are not here. */
  readonly letters: ReadonlyMap<string, string>;
  /** First word -> wordings that begin with it, longest first. */
  readonly wordings: ReadonlyMap<string, readonly Wording[]>;
}

/** Longest part of an option's text that is compared, in tokens: keeps every comparison bounded. */
const maxWords = 64;
const valueMarks = new Set(["<", ">", "+", "=", "/", "%"]);

/** Whether a token counts when option texts are compared. */
export function isTextToken(token: Token): boolean {
  return token.kind === "word" || (token.kind === "mark" && valueMarks.has(token.text));
}

/** Labels, texts and the task's aliases of these options. Two options with one text match neither. */
export function readChoices(task: TaskSpec, options: readonly Option[]): Choices {
  const letters = new Map<string, string>();
  const byText = new Map<string, Wording | null>();
  const add = (label: string, text: string) => {
    const words = tokenize(text)
      .filter(isTextToken)
      .map((token) => token.text);
    if (words.length > 1 && /^(a|an|the)$/.test(words[0] ?? "")) words.shift();
    if (words.length === 0) return;
    const cut = words.slice(0, maxWords);
    const key = cut.join(" ");
    const other = byText.get(key);
    const same = other === undefined || other?.label === label;
    byText.set(key, same ? { label, words: cut } : null);
  };
  for (const option of options) {
    const label = tokenize(option.label);
    const isText = option.label.trim().toLowerCase() === option.text.trim().toLowerCase();
    if (label.length === 1 && label[0] !== undefined && !isText)
      letters.set(label[0].text, option.label);
    add(option.label, option.text);
  }
  for (const option of options) {
    const key = option.text.trim().toLowerCase();
    for (const alias of task.parser.aliases[key] ?? []) add(option.label, alias);
  }
  return { letters, wordings: byFirstWord(byText) };
}

function byFirstWord(byText: ReadonlyMap<string, Wording | null>): Map<string, Wording[]> {
  const wordings = new Map<string, Wording[]>();
  for (const wording of byText.values()) {
    if (wording === null) continue;
    const first = wording.words[0] ?? "";
    const list = wordings.get(first) ?? [];
    list.push(wording);
    wordings.set(first, list);
  }
  for (const list of wordings.values()) list.sort((a, b) => b.words.length - a.words.length);
  return wordings;
}
