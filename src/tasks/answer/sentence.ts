/** What a sentence has said so far, by the lexicon: it decides how much a statement in it is worth. */
import { lexicon } from "./lexicon.ts";
import type { Token } from "./tokens.ts";

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

/** "best", "más probable"; or "most likely", "most appropriate"; also "least ..." for questions that ask for that. */
export function isSuperlative(tokens: readonly Token[], at: number): boolean {
  const word = tokens[at]?.text ?? "";
  if (lexicon.best.has(word)) return true;
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

/** A line, a sentence or a part of one between commas begins here; or "it", "this" and at most a modal verb come before. */
export function startsClause(tokens: readonly Token[], at: number): boolean {
  if (startsLine(tokens, at) || isSentenceEnd(tokens[at - 1])) return true;
  const before = tokens[at - 1];
  if (before === undefined) return true;
  if (before.kind === "mark") return pauses.has(before.text);
  if (lexicon.subjects.has(before.text) || lexicon.conclusions.has(before.text)) return true;
  const earlier = tokens[at - 2]?.text ?? "";
  return modals.has(before.text) && lexicon.subjects.has(earlier);
}

const modals: ReadonlySet<string> = new Set(["must", "would", "should", "will", "could", "to"]);
const pauses: ReadonlySet<string> = new Set([",", ";", ":", "-", "|"]);
