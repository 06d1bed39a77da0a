/** Finds where a text states its answer: final markers, then phrases. Reads each with `expression.ts`. */
import type { Choices } from "./choices.ts";
import { type Reading, readAnswer, readOne, skipMarks } from "./expression.ts";
import { lexicon } from "./lexicon.ts";
import type { Token } from "./tokens.ts";

/** `final`: the last one wins; `phrase`: all must agree; `claim` ("B is correct"): weakest. */
export interface Site {
  readonly strength: "final" | "phrase" | "claim";
  readonly at: number;
  readonly reading: Reading;
}

/** Every statement of an answer, in the order of the text. */
export function findSites(tokens: readonly Token[], choices: Choices): Site[] {
  const sites: Site[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const site = siteAt(tokens, at, choices);
    if (site !== null && site.reading.kind !== "empty") sites.push(site);
  }
  return sites;
}

function siteAt(tokens: readonly Token[], at: number, choices: Choices): Site | null {
  const token = tokens[at];
  if (token === undefined || token.kind === "line") return null;
  if (token.kind === "mark") {
    if (token.text === "<answer>" || token.text === "\\boxed")
      return read("final", tokens, at, at + 1, choices);
    return token.text === "####" && startsLine(tokens, at) ? hashLine(tokens, at, choices) : null;
  }
  if (token.text === "answer" || lexicon.nouns.has(token.text)) {
    const site = nounSite(tokens, at, choices);
    if (site !== null) return site;
  }
  if (lexicon.choosing.has(token.text) && !isHedged(tokens, at)) {
    return certain(read("phrase", tokens, at, at + 1, choices));
  }
  if (choices.letters.has(token.text)) return claimSite(tokens, at, choices);
  return null;
}

/** "Answer: B", "the answer is B", "the best choice would be (B)", `Answer("B")`. */
function nounSite(tokens: readonly Token[], at: number, choices: Choices): Site | null {
  const isAnswer = tokens[at]?.text === "answer";
  if (!isAnswer && !isQualified(tokens, at)) return null;
  let next = at + 1;
  let copula = false;
  let colon = false;
  const limit = at + 12;
  while (next < limit) {
    const token = tokens[next];
    if (token === undefined || token.kind === "line") break;
    if (token.kind === "word") {
      if (lexicon.copulas.has(token.text)) copula = true;
      else if (
        ![
          "to",
          "the",
          "question",
          "choice",
          "option",
          "this",
          "for",
          "above",
          "here",
          "letter",
          "of",
          "patient",
          "that",
          "i",
          "we",
          "given",
          "most",
          "correct",
        ].includes(token.text)
      )
        break;
    } else if ([":", "=", ">"].includes(token.text)) {
      colon = true;
      next += 1;
      break;
    } else if (token.text === "(" && token.glued && next === at + 1 && isAnswer) {
      colon = true;
      break;
    } else break;
    next += 1;
    if (copula) break;
  }
  if (copula) {
    while (tokens[next]?.text === ":") {
      colon = true;
      next += 1;
    }
    if (isHedged(tokens, at)) return null;
    return read("phrase", tokens, at, next, choices);
  }
  if (!colon) return null;
  if (!isAnswer && !startsLine(tokens, at - 1) && !startsLine(tokens, at)) return null;
  return read("final", tokens, at, next, choices);
}

/** "(B) is the correct answer", "option B is correct". */
function claimSite(tokens: readonly Token[], at: number, choices: Choices): Site | null {
  const before = tokens[at - 1];
  const enclosed = before?.kind === "mark" && ["(", "["].includes(before.text);
  const lead = tokens[enclosed ? at - 2 : at - 1]?.text ?? "";
  const named = ["option", "choice", "answer"].includes(lead);
  const found = readOne(tokens, at, choices, true);
  if (found === null) return null;
  let next = skipMarks(tokens, found.next);
  let copula = false;
  let superlative = false;
  for (let steps = 0; steps < 10; steps += 1, next += 1) {
    const word = tokens[next];
    if (word === undefined || word.kind !== "word") break;
    if (lexicon.negations.has(word.text)) return null;
    if (copula && ["answer", "choice", "option"].includes(word.text) && superlative) {
      return { strength: "claim", at, reading: { kind: "label", ...found } };
    }
    if (lexicon.copulas.has(word.text)) copula = true;
    else if (copula && lexicon.superlatives.has(word.text)) superlative = true;
    else if (!lexicon.fillers.has(word.text) && !lexicon.qualifiers.has(word.text)) break;
  }
  const plain =
    copula &&
    superlative &&
    (named || enclosed) &&
    lexicon.rights.has(tokens[next - 1]?.text ?? "");
  return plain ? { strength: "claim", at, reading: { kind: "label", ...found } } : null;
}

/** A `#### ...` line counts only where it is nothing but an answer: it is also a heading. */
function hashLine(tokens: readonly Token[], at: number, choices: Choices): Site | null {
  const site = read("final", tokens, at, at + 1, choices);
  return site.reading.kind === "unread" ? null : site;
}

function read(
  strength: Site["strength"],
  tokens: readonly Token[],
  at: number,
  from: number,
  choices: Choices,
): Site {
  return { strength, at, reading: readAnswer(tokens, from, choices) };
}

function certain(site: Site): Site | null {
  return site.reading.kind === "label" || site.reading.kind === "several" ? site : null;
}

function isQualified(tokens: readonly Token[], at: number): boolean {
  return [tokens[at - 1], tokens[at - 2]].some(
    (token) => token?.kind === "word" && lexicon.qualifiers.has(token.text),
  );
}

/** "it is not clear whether the answer is B", "an incorrect answer is B". */
function isHedged(tokens: readonly Token[], at: number): boolean {
  for (let back = at - 1; back >= Math.max(0, at - 5); back -= 1) {
    const token = tokens[back];
    if (token === undefined || token.kind !== "word") return false;
    if (lexicon.hedges.has(token.text)) return true;
  }
  return false;
}

export function startsLine(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1];
  return before === undefined || before.kind === "line";
}
