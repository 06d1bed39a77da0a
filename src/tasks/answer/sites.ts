/** Finds the places where a text states its answer: final markers, phrases and claims, each with its reading. */
import { type Choices, endsSentence, readOption, skipMarks } from "./options.ts";
import { type Reading, readAnswer } from "./reading.ts";
import {
  freshSentence,
  isHedged,
  isSentenceEnd,
  isSuperlative,
  lexicon,
  type Sentence,
  sentenceAfter,
  startsLine,
  startsSentence,
} from "./sentence.ts";
import type { Token } from "./tokens.ts";

/** `final`: the last one wins; `phrase`: all must agree; `claim` ("B is the best option"): weakest. */
export interface Site {
  readonly strength: "final" | "phrase" | "claim";
  readonly at: number;
  readonly reading: Reading;
}

const bridged = 12;

/** Every statement of an answer, in the order of the text. */
export function findSites(tokens: readonly Token[], choices: Choices): Site[] {
  const sites: Site[] = [];
  let sentence = freshSentence;
  for (let at = 0; at < tokens.length; at += 1) {
    const site = siteAt(tokens, at, choices, sentence);
    if (site !== null && site.reading.kind !== "empty") sites.push(site);
    sentence = sentenceAfter(sentence, tokens, at);
    if (site?.reading.kind === "several") at = Math.max(at, site.reading.next - 1);
  }
  return withoutHeadings(tokens, sites);
}

/**
 * `####` may also begin headings. Only the last `####` counts, and only if all of them name one option or if it ends
 * the text.
 */
function withoutHeadings(tokens: readonly Token[], sites: readonly Site[]): Site[] {
  const isHash = (site: Site) => tokens[site.at]?.text === "####";
  const labels = new Set(
    sites.filter(isHash).map(({ reading }) => (reading.kind === "label" ? reading.label : null)),
  );
  const last = tokens.findLastIndex((token) => token.text === "####");
  const ends = !tokens.slice(last).some((token) => token.kind === "line");
  return sites.filter((site) => !isHash(site) || (site.at === last && (labels.size === 1 || ends)));
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
    return token.text === "####" ? hashSite(tokens, at, read("final", at + 1)) : null;
  }
  const noun = nounSite(tokens, at, sentence, read);
  if (noun !== null) return noun;
  if (isHedged(sentence)) return null;
  if (lexicon.choosing.has(token.text)) return labelled(read("phrase", at + 1));
  if (lexicon.conclusions.has(token.text) && startsSentence(tokens, at)) {
    return concluded(tokens, at, choices);
  }
  if (lexicon.statements.has(token.text) || lexicon.pronouns.has(token.text)) {
    const site = read("phrase", at + 1);
    if (site.reading.kind !== "label") return null;
    const { byText, enclosed, next, verified } = site.reading;
    const marked =
      (enclosed || lexicon.pronouns.has(token.text)) && endsSentence(tokens, next) && !byText;
    if (verified || marked || (sentence.superlative && !byText)) return site;
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
  if (['"', "'"].includes(tokens[next]?.text ?? "") && tokens[next + 1]?.text === ":") next += 1;
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
  if (!choices.letters.has(token.text) && !choices.texts.next.has(token.text)) return null;
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

/** "Therefore, yes." as a whole sentence. */
function concluded(tokens: readonly Token[], at: number, choices: Choices): Site | null {
  const start = skipMarks(tokens, at + 1);
  const found = readOption(tokens, start, choices);
  if (found === null) return null;
  const after = tokens[found.next];
  const ends = after === undefined || after.kind === "line" || isSentenceEnd(after);
  return ends ? { strength: "phrase", at, reading: { kind: "label", ...found } } : null;
}

/** `#### B` at the start of a line; or elsewhere, if the answer ends the line. */
function hashSite(tokens: readonly Token[], at: number, site: Site): Site | null {
  if (startsLine(tokens, at)) return site.reading.kind === "nothing" ? site : labelled(site);
  return site.reading.kind === "label" && endsSentence(tokens, site.reading.next) ? site : null;
}

function labelled(site: Site): Site | null {
  return site.reading.kind === "label" || site.reading.kind === "several" ? site : null;
}

function isQualified(tokens: readonly Token[], at: number): boolean {
  return [at - 1, at - 2].some((place) => lexicon.qualifiers.has(tokens[place]?.text ?? ""));
}

/** Whether only marks, single signs ("C.") and these words come before it on its line. */
function startsLineBut(tokens: readonly Token[], at: number, words: ReadonlySet<string>): boolean {
  let back = at - 1;
  while (back > at - 6) {
    const token = tokens[back];
    if (token === undefined || token.kind === "line") return true;
    const counts = token.kind === "word" && token.text.length > 1 && token.text !== "the";
    if (counts && !words.has(token.text)) return false;
    back -= 1;
  }
  return false;
}
