/** Finds where a text states its answer: final markers, phrases and claims, each with its reading. */
import type { Choices } from "./choices.ts";
import { readOption, skipMarks } from "./expression.ts";
import { lexicon } from "./lexicon.ts";
import { isSentenceEnd, type Reading, readAnswer } from "./reading.ts";
import type { Token } from "./tokens.ts";

/** `final`: the last one wins; `phrase`: all must agree; `claim` ("B is the best option"): weakest. */
export interface Site {
  readonly strength: "final" | "phrase" | "claim";
  readonly at: number;
  readonly reading: Reading;
}

/** What the sentence has said up to here. */
interface Sentence {
  readonly superlative: boolean;
  readonly conditional: boolean;
  readonly concluding: boolean;
  /** Words since "not", "another" and the like. */
  readonly sinceHedge: number;
}

const fresh: Sentence = {
  superlative: false,
  conditional: false,
  concluding: false,
  sinceHedge: Number.POSITIVE_INFINITY,
};
const bridged = 12;
const hedgeReach = 5;

/** Every statement of an answer, in the order of the text. */
export function findSites(tokens: readonly Token[], choices: Choices): Site[] {
  const sites: Site[] = [];
  let sentence = fresh;
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    const site = siteAt(tokens, at, choices, sentence);
    if (site !== null && site.reading.kind !== "empty") sites.push(site);
    if (isSentenceEnd(token)) sentence = fresh;
    else if (token.kind === "word") sentence = heard(sentence, tokens, at);
    else if (token.kind === "line") {
      const goesOn = tokens[at - 1]?.text === ":";
      sentence = { ...fresh, superlative: goesOn && sentence.superlative };
    }
  }
  return sites;
}

function heard(sentence: Sentence, tokens: readonly Token[], at: number): Sentence {
  const word = tokens[at]?.text ?? "";
  const superlative = sentence.superlative || isSuperlative(tokens, at);
  if (lexicon.conclusions.has(word)) return { ...fresh, superlative, concluding: true };
  return {
    superlative,
    conditional: sentence.conditional || lexicon.conditions.has(word),
    concluding: sentence.concluding,
    sinceHedge: lexicon.hedges.has(word) ? 0 : sentence.sinceHedge + 1,
  };
}

/** "it is not clear whether the answer is B", "if she were older, the best option would be B". */
function isHedged(sentence: Sentence): boolean {
  return sentence.conditional || sentence.sinceHedge < hedgeReach;
}

function siteAt(
  tokens: readonly Token[],
  at: number,
  choices: Choices,
  sentence: Sentence,
): Site | null {
  const token = tokens[at];
  if (token === undefined || token.kind === "line") return null;
  const read = (strength: Site["strength"], from: number): Site => ({
    strength,
    at,
    reading: readAnswer(tokens, from, choices),
  });
  if (token.kind === "mark") {
    if (token.text === "<answer>" || token.text === "\\boxed") return read("final", at + 1);
    return token.text === "####" && startsLine(tokens, at) ? named(read("final", at + 1)) : null;
  }
  const noun = nounSite(tokens, at, sentence, read);
  if (noun !== null) return noun;
  if (isHedged(sentence)) return null;
  if (lexicon.choosing.has(token.text)) return labelled(read("phrase", at + 1));
  if (lexicon.conclusions.has(token.text) && startsSentence(tokens, at)) {
    return concluded(tokens, at, choices);
  }
  if (lexicon.statements.has(token.text)) {
    const site = read("phrase", at + 1);
    if (site.reading.kind !== "label") return null;
    if (site.reading.verified || (sentence.superlative && !site.reading.byText)) return site;
    return sentence.superlative ? { ...site, strength: "claim" } : null;
  }
  return claimSite(tokens, at, choices);
}

/** "Answer: B", "the answer is B", "the best choice would be (B)", `Answer("B")`, "Conclusion: no". */
function nounSite(
  tokens: readonly Token[],
  at: number,
  sentence: Sentence,
  read: (strength: Site["strength"], from: number) => Site,
): Site | null {
  const noun = tokens[at]?.text ?? "";
  const isAnswer = noun === "answer";
  const isSummary = lexicon.summaries.has(noun);
  if (!isAnswer && !isSummary && !(lexicon.nouns.has(noun) && isQualified(tokens, at))) return null;
  let next = at + 1;
  while (next < at + bridged && lexicon.bridges.has(tokens[next]?.text ?? "")) next += 1;
  const token = tokens[next];
  if (token === undefined) return null;
  if (token.kind === "line") {
    const heading = isAnswer && next === at + 1 && startsLineBut(tokens, at, lexicon.qualifiers);
    return heading ? labelled(read("final", next)) : null;
  }
  if (token.kind === "word") {
    if (!lexicon.copulas.has(token.text) || isHedged(sentence) || isSummary) return null;
    const site = read("phrase", next);
    return sentence.concluding ? { ...site, strength: "final" } : site;
  }
  const called = token.text === "(" && token.glued && next === at + 1;
  if (!called && ![":", "=", ">"].includes(token.text)) return null;
  const site = read("final", next);
  return isAnswer ? site : labelled(site);
}

/** "(B) is the correct answer", "option B is correct", "B. text is the most likely cause". */
function claimSite(tokens: readonly Token[], at: number, choices: Choices): Site | null {
  const token = tokens[at];
  if (token === undefined) return null;
  if (!choices.letters.has(token.text) && !choices.wordings.has(token.text)) return null;
  const found = readOption(tokens, at, choices, true);
  if (found === null) return null;
  const before = tokens[at - 1];
  const enclosed = before?.kind === "mark" && ["(", "["].includes(before.text);
  const lead = tokens[enclosed ? at - 2 : at - 1]?.text ?? "";
  const stated = found.verified || enclosed || ["option", "choice", "answer"].includes(lead);
  const from = skipMarks(tokens, found.next);
  let copula = false;
  for (let next = from; next < from + 8; next += 1) {
    const word = tokens[next];
    if (word === undefined || word.kind !== "word" || lexicon.negations.has(word.text)) return null;
    if (lexicon.copulas.has(word.text)) copula = true;
    else if (copula && (isSuperlative(tokens, next) || (stated && word.text === "correct"))) {
      return { strength: "claim", at, reading: { kind: "label", ...found } };
    } else if (!lexicon.fillers.has(word.text) && !lexicon.qualifiers.has(word.text)) return null;
  }
  return null;
}

/** "Therefore, yes." where nothing else stands in the sentence. */
function concluded(tokens: readonly Token[], at: number, choices: Choices): Site | null {
  const start = skipMarks(tokens, at + 1);
  const found = readOption(tokens, start, choices);
  if (found === null) return null;
  const after = tokens[found.next];
  const ends = after === undefined || after.kind === "line" || isSentenceEnd(after);
  return ends ? { strength: "phrase", at, reading: { kind: "label", ...found } } : null;
}

/** Only a site that names something: `#### ...` is also a heading. */
function named(site: Site): Site | null {
  return site.reading.kind === "unread" || site.reading.kind === "denied" ? null : site;
}

function labelled(site: Site): Site | null {
  return site.reading.kind === "label" || site.reading.kind === "several" ? site : null;
}

/** "best", or "most likely", "most appropriate"; also "least ..." for questions that ask for that. */
function isSuperlative(tokens: readonly Token[], at: number): boolean {
  const word = tokens[at]?.text ?? "";
  if (word === "best") return true;
  return lexicon.superlatives.has(word) && ["most", "least"].includes(tokens[at - 1]?.text ?? "");
}

function isQualified(tokens: readonly Token[], at: number): boolean {
  return [at - 1, at - 2].some((place) => lexicon.qualifiers.has(tokens[place]?.text ?? ""));
}

function startsLine(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1];
  return before === undefined || before.kind === "line";
}

/** Whether only marks, numbers and such words stand before it on its line. */
function startsLineBut(tokens: readonly Token[], at: number, words: ReadonlySet<string>): boolean {
  let back = at - 1;
  while (back > at - 6) {
    const token = tokens[back];
    if (token === undefined || token.kind === "line") return true;
    if (token.kind === "word" && !words.has(token.text) && token.text !== "the") return false;
    back -= 1;
  }
  return false;
}

function startsSentence(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1];
  return (
    before === undefined || before.kind === "line" || isSentenceEnd(before) || before.text === "in"
  );
}
