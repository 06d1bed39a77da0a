/**
 * The words that the parser knows, of all languages at once: no language is guessed. A language is a file in
 * `languages/`, with the same keys. Terms may be of several words; `joinTerms` makes one token of each.
 */
import ar from "./languages/ar.json" with { type: "json" };
import de from "./languages/de.json" with { type: "json" };
import en from "./languages/en.json" with { type: "json" };
import es from "./languages/es.json" with { type: "json" };
import fr from "./languages/fr.json" with { type: "json" };
import hi from "./languages/hi.json" with { type: "json" };
import it from "./languages/it.json" with { type: "json" };
import ja from "./languages/ja.json" with { type: "json" };
import ko from "./languages/ko.json" with { type: "json" };
import nl from "./languages/nl.json" with { type: "json" };
import pl from "./languages/pl.json" with { type: "json" };
import pt from "./languages/pt.json" with { type: "json" };
import ru from "./languages/ru.json" with { type: "json" };
import tr from "./languages/tr.json" with { type: "json" };
import zh from "./languages/zh.json" with { type: "json" };
import { type Token, tokenize } from "./tokens.ts";

const lists = {
  articles: "before a noun",
  answers: "nouns that are the answer",
  nouns: "nouns that are an option: an answer only beside a qualifier",
  letters: "nouns that are a letter",
  summaries: "nouns that sum up: an answer only before a colon",
  keys: "names of members that hold the answer in JSON",
  /** "correct", "my". */
  qualifiers: "words beside a noun that make it the answer",
  superlatives: 'adjectives that are one after "most" or "least"',
  best: "superlatives by themselves",
  /** "is", "would". */
  copulas: "verbs between noun and answer",
  statements: "those of them that may state an answer without a noun",
  finals: 'verbs behind the answer ("C입니다", "C है")',
  suffixes: 'endings of a letter behind an apostrophe ("C\'dir")',
  bridges: "words between noun and verb",
  fillers: "words that may be skipped before the answer",
  connectors: "words that may follow an answer, and begin no name",
  reasons: "those of them that begin a reason",
  negations: 'words that deny what follows ("not")',
  denials: 'words that deny what stands before ("ではない")',
  adversatives: 'words before the true answer ("but", "sondern")',
  hedges: "words that make the next statement worth nothing",
  conditions: "words that make a sentence conditional",
  nothing: "words that say that no option is the answer",
  joiners: "words between two answers",
  conclusions: "words that begin a conclusion",
  choosing: "verbs before the answer",
  chosen: "verbs behind the answer",
  pronouns: 'pronoun and verb in one word ("it\'s")',
  subjects: 'words before "is" in "it is C."',
  units: 'words that count options ("C项", "C 번")',
  rights: 'judgements of an option: "correct"',
  yes: "other words for the label yes",
  no: "other words for the label no",
  maybe: "other words for the label maybe",
  true: "other words for the label true",
  false: "other words for the label false",
  questions: "headings of a question",
  recaps: 'what begins the answers of several questions ("all the answers:")',
  numbered: "headings of a question where a number follows",
  users: "names of who asks",
  options: "headings of options",
  contexts: "headings of context",
} as const;

export type ListName = keyof typeof lists;

type Language = { readonly about: string } & { readonly [name in ListName]?: readonly string[] };

/** By ISO 639-1 code. */
export const languages: Readonly<Record<string, Language>> = {
  ...{ ar, de, en, es, fr, hi, it, ja, ko, nl, pl, pt, ru, tr, zh },
};

const names = Object.keys(lists).filter((name): name is ListName => Object.hasOwn(lists, name));

/** Each list as the tokens of its terms, joined by blanks: the form of `Token.text` after `joinTerms`. */
export const lexicon: Readonly<Record<ListName, ReadonlySet<string>>> = Object.fromEntries(
  names.map((name) => [name, new Set(termsOf(name).map((words) => words.join(" ")))]),
) as unknown as Record<ListName, ReadonlySet<string>>;

/** The terms of one list, each as its tokens. */
export function termsOf(name: ListName): string[][] {
  return Object.values(languages).flatMap((language) =>
    (language[name] ?? []).map((term) => tokenize(term).map((token) => token.text)),
  );
}

interface TermNode {
  readonly next: Map<string, TermNode>;
  ends: boolean;
}

const terms: TermNode = { next: new Map(), ends: false };
for (const words of names.flatMap(termsOf)) {
  let node = terms;
  for (const word of words) {
    const next = node.next.get(word) ?? { next: new Map(), ends: false };
    node.next.set(word, next);
    node = next;
  }
  node.ends = true;
}

/**
 * Makes one token of each term of several words ("parce que") or signs ("答案"), the longest first, and two of a letter
 * with its ending ("C'dir"). Linear: a walk is as long as the longest term.
 */
export function joinTerms(tokens: readonly Token[]): Token[] {
  const joined: Token[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    const end = token.kind === "word" ? termEnd(tokens, at) : at + 1;
    if (end > at + 1) {
      const text = tokens.slice(at, end).map((part) => part.text);
      joined.push({ ...token, text: text.join(" ") });
      at = end - 1;
    } else joined.push(...withoutSuffix(token));
  }
  return joined;
}

function termEnd(tokens: readonly Token[], at: number): number {
  let node: TermNode | undefined = terms;
  let end = at + 1;
  for (let next = at; node !== undefined; next += 1) {
    if (node.ends) end = Math.max(end, next);
    node = node.next.get(tokens[next]?.text ?? "");
  }
  return end;
}

/** "C'dir" is a letter with its ending, "l'aspirine" a noun with its article. */
function withoutSuffix(token: Token): Token[] {
  const { text } = token;
  if (token.kind !== "word" || text[1] !== "'") return [token];
  const rest = text.slice(2);
  const after = { ...token, text: rest, glued: true };
  if (lexicon.suffixes.has(rest)) {
    return [
      { ...token, text: text.slice(0, 1) },
      { ...after, capital: false },
    ];
  }
  return text[0] === "l" && rest.length > 2 ? [{ ...token, text: "l '" }, after] : [token];
}
