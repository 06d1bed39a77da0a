/** What a sentence has said so far, by the word lists of `lexicon.json`: it decides how much a statement in it is worth. */
import words from "./lexicon.json" with { type: "json" };
import type { Token } from "./tokens.ts";

type ListName = Exclude<keyof typeof words, "about">;

const { about: _about, ...lists } = words;

export const lexicon = Object.fromEntries(
  Object.entries(lists).map(([name, list]) => [name, new Set(list)]),
) as unknown as Readonly<Record<ListName, ReadonlySet<string>>>;

export interface Sentence {
  readonly superlative: boolean;
  readonly conditional: boolean;
  readonly concluding: boolean;
  /** Words since "not", "another" and the like. */
  readonly sinceHedge: number;
}

export const freshSentence: Sentence = {
  superlative: false,
  conditional: false,
  concluding: false,
  sinceHedge: Number.POSITIVE_INFINITY,
};

const hedgeReach = 5;

/** The state of the sentence after token `at`. A sentence ends at ".", "!", "?" and line ends; a hedge also at a comma. */
export function sentenceAfter(sentence: Sentence, tokens: readonly Token[], at: number): Sentence {
  const token = tokens[at];
  if (token === undefined || isSentenceEnd(token)) return freshSentence;
  if (token.kind === "line") {
    const goesOn = tokens[at - 1]?.text === ":";
    return { ...freshSentence, superlative: goesOn && sentence.superlative };
  }
  if (token.kind === "mark") {
    const pause = token.text === "," || token.text === ";";
    return pause ? { ...sentence, sinceHedge: Number.POSITIVE_INFINITY } : sentence;
  }
  const superlative = sentence.superlative || isSuperlative(tokens, at);
  if (lexicon.conclusions.has(token.text)) {
    return { ...freshSentence, superlative, concluding: true };
  }
  return {
    superlative,
    conditional: sentence.conditional || lexicon.conditions.has(token.text),
    concluding: sentence.concluding,
    sinceHedge: lexicon.hedges.has(token.text) ? 0 : sentence.sinceHedge + 1,
  };
}

/** "it is not clear whether the answer is B", "if she were older, the best option would be B". */
export function isHedged(sentence: Sentence): boolean {
  return sentence.conditional || sentence.sinceHedge < hedgeReach;
}

/** "best", or "most likely", "most appropriate"; also "least ..." for questions that ask for that. */
export function isSuperlative(tokens: readonly Token[], at: number): boolean {
  const word = tokens[at]?.text ?? "";
  if (word === "best") return true;
  return lexicon.superlatives.has(word) && ["most", "least"].includes(tokens[at - 1]?.text ?? "");
}

export function isSentenceEnd(token: Token | undefined): boolean {
  return token?.kind === "mark" && [".", "!", "?"].includes(token.text);
}

export function startsLine(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1];
  return before === undefined || before.kind === "line";
}

export function startsSentence(tokens: readonly Token[], at: number): boolean {
  return startsLine(tokens, at) || isSentenceEnd(tokens[at - 1]) || tokens[at - 1]?.text === "in";
}
