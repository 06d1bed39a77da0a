/** Finds the places where a text states its answer: final markers, phrases and claims, each with its reading. */
import { claimSite, concluded, verdictSite } from "./claims.ts";
import { lexicon } from "./lexicon.ts";
import { type Choices, closers, endsSentence, openers, skip, skipMarks } from "./options.ts";
import { readAnswer, type Site } from "./reading.ts";
import {
  freshSentence,
  isHedged,
  isSentenceEnd,
  type Sentence,
  sentenceAfter,
  startsClause,
  startsLine,
  startsSentence,
} from "./sentence.ts";
import type { Token } from "./tokens.ts";

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
  const noun = nounSite(tokens, at, choices, sentence, read);
  if (noun !== null) return noun;
  if (isHedged(sentence)) return null;
  if (lexicon.adversatives.has(token.text) && isCorrection(tokens, at)) {
    const site = read("phrase", at + 1);
    const { reading } = site;
    if (reading.kind === "label" && endsSentence(tokens, reading.next)) return site;
  }
  if (lexicon.choosing.has(token.text)) return labelled(read("phrase", at + 1));
  if (lexicon.conclusions.has(token.text) && startsSentence(tokens, at)) {
    return concluded(tokens, at, choices);
  }
  if (lexicon.statements.has(token.text) || lexicon.pronouns.has(token.text)) {
    const site = statementSite(tokens, at, sentence, read);
    if (site !== null) return site;
  }
  return claimSite(tokens, at, choices, sentence) ?? verdictSite(tokens, at, choices);
}

type Read = (strength: Site["strength"], from: number) => Site;

/** "Not B, but": a denial within six tokens before, in the same sentence. */
function isCorrection(tokens: readonly Token[], at: number): boolean {
  for (let before = at - 1; before >= at - 6; before -= 1) {
    const token = tokens[before];
    if (token === undefined || token.kind === "line" || isSentenceEnd(token)) return false;
    if (lexicon.hedges.has(token.text)) return true;
  }
  return false;
}

/** "the most likely cause is B", "it is C.", "..., es la C." */
function statementSite(
  tokens: readonly Token[],
  at: number,
  sentence: Sentence,
  read: Read,
): Site | null {
  const site = read("phrase", at + 1);
  if (site.reading.kind !== "label") return null;
  const { byText, enclosed, next, verified } = site.reading;
  const ruled = lexicon.rights.has(tokens[at - 1]?.text ?? "") && startsClause(tokens, at - 1);
  const clause = ruled || lexicon.pronouns.has(tokens[at]?.text ?? "") || startsClause(tokens, at);
  // The last word of a text that was cut may be "a"; "C. difficile" is a species.
  if (tokens[at - 1]?.text === "so" && tokens[at]?.text === "is") return null;
  const species = tokens[next + 1]?.kind === "word" && !tokens[next + 1]?.capital;
  const whole = !species && (tokens[next - 1]?.capital || isSentenceEnd(tokens[next]));
  const marked = (enclosed || (clause && whole)) && endsSentence(tokens, next) && !byText;
  if (verified || marked || (sentence.superlative && !byText)) return site;
  return sentence.superlative ? { ...site, strength: "claim" } : null;
}

/** "Answer: B", "the answer is B", "the best choice would be (B)", `Answer("B")`, "Conclusion: no", `"choice": "B"`. */
function nounSite(
  tokens: readonly Token[],
  at: number,
  choices: Choices,
  sentence: Sentence,
  read: Read,
): Site | null {
  const noun = tokens[at]?.text ?? "";
  const isAnswer = lexicon.answers.has(noun);
  const isSummary = lexicon.summaries.has(noun);
  if (!isAnswer && !isSummary && !(lexicon.nouns.has(noun) && isQualified(tokens, at))) {
    return keySite(tokens, at, read);
  }
  let next = at + 1;
  while (next < at + bridged && isBridge(tokens[next], choices)) next += 1;
  if (['"', "'"].includes(tokens[next]?.text ?? "") && tokens[next + 1]?.text === ":") next += 1;
  const token = tokens[next];
  if (token === undefined) return null;
  if (token.kind === "line") {
    const heading = isAnswer && next === at + 1 && startsLineBut(tokens, at, lexicon.qualifiers);
    return heading ? labelled(read("final", next)) : null;
  }
  if (lexicon.copulas.has(token.text) || lexicon.statements.has(token.text)) {
    if (isHedged(sentence) || isSummary) return null;
    const site = read("phrase", next + 1);
    return sentence.concluding ? { ...site, strength: "final" } : site;
  }
  const called = token.text === "(" && token.glued && next === at + 1;
  if (called || [":", "=", ">"].includes(token.text)) {
    const heading =
      tokens[at - 1]?.text === "final" || startsLineBut(tokens, at, lexicon.qualifiers);
    if (tokens[next + 1]?.kind === "line" && !heading) {
      return isHedged(sentence) ? null : below(tokens, read("claim", next), choices);
    }
    const site = read("final", next);
    return isAnswer ? site : labelled(site);
  }
  // "| Answer | B |", "[ANSWER] B", "Answer - B": only with an option behind it.
  if (token.text === "|" && tokens[next + 1]?.kind === "line") {
    const cell = isAnswer ? cellBelow(tokens, at, next + 1) : null;
    return cell === null ? null : labelled(read("final", cell));
  }
  if (["|", "]", "-"].includes(token.text)) return labelled(read("final", next + 1));
  if (isHedged(sentence) || isSummary || !startsPhrase(tokens, at)) return null;
  return direct(tokens, read(sentence.concluding ? "final" : "phrase", next));
}

/** "Answer (B).", "Antwort C.", "Doğru cevap C'dir": no verb between; the answer ends the clause. */
function direct(tokens: readonly Token[], site: Site): Site | null {
  if (site.reading.kind !== "label") return null;
  const after = tokens[skip(tokens, site.reading.next, closers)];
  if (lexicon.finals.has(after?.text ?? "")) return site;
  if (site.reading.byText && !site.reading.verified) return null;
  const ends = after === undefined || after.kind === "line" || [".", "!", ";"].includes(after.text);
  return ends ? site : null;
}

/** Longest row of a table, in tokens, that is looked at. */
const longestRow = 64;

/** In a table whose last column is the answer, and that has one row: where that row's last cell begins. */
function cellBelow(tokens: readonly Token[], at: number, headerEnd: number): number | null {
  let cell: number | null = null;
  let first: number | null = null;
  for (let next = headerEnd + 1; next < at + longestRow; next += 1) {
    const token = tokens[next];
    if (token?.kind === "word") first ??= next;
    if (token?.text === "|" && tokens[next + 1]?.kind === "word") cell = next + 1;
    if (token !== undefined && token.kind !== "line") continue;
    if (first !== null) return tokens[next + 1]?.text === "|" ? null : cell;
    if (token === undefined) return null;
  }
  return null;
}

/** "Let us weigh the answers, the best choice:" and a line that is one option; not the first of a list. */
function below(tokens: readonly Token[], site: Site, choices: Choices): Site | null {
  if (site.reading.kind !== "label") return null;
  const end = skipMarks(tokens, site.reading.next);
  if (tokens[end] === undefined) return site;
  const next = tokens[skipMarks(tokens, end + 1)];
  return tokens[end].kind === "line" && !choices.letters.has(next?.text ?? "") ? site : null;
}

/** Whether only articles, qualifiers and the like stand between the noun and the beginning of its clause. */
function startsPhrase(tokens: readonly Token[], at: number): boolean {
  let first = at;
  while (first > at - bridged && isModifier(tokens[first - 1])) first -= 1;
  return startsClause(tokens, first);
}

function isModifier(token: Token | undefined): boolean {
  const text = token?.text ?? "";
  const { qualifiers, articles, best, bridges, rights, copulas } = lexicon;
  return [qualifiers, articles, best, bridges, rights, copulas].some((list) => list.has(text));
}

/** A member of JSON that holds the answer (`"choice": "B"`), or a line "Choice: B". */
function keySite(tokens: readonly Token[], at: number, read: Read): Site | null {
  const name = tokens[at]?.text ?? "";
  const { keys, nouns, rights, best } = lexicon;
  if (![keys, nouns, rights, best].some((list) => list.has(name))) return null;
  const quoted = openers.has(tokens[at + 1]?.text ?? "") && tokens[at + 2]?.text === ":";
  if (quoted) return labelled(read("final", at + 2));
  const isLine = tokens[at + 1]?.text === ":" && startsLine(tokens, at);
  return isLine ? labelled(read("phrase", at + 1)) : null;
}

/** A word between noun and verb; not the letter of an option ("Réponse A"), though it may be such a word. */
function isBridge(token: Token | undefined, choices: Choices): boolean {
  const text = token?.text ?? "";
  if (!lexicon.bridges.has(text) && !lexicon.qualifiers.has(text)) return false;
  return !(token?.capital && text.length === 1 && text !== "i" && choices.letters.has(text));
}

/** `#### B` at the start of a line; or elsewhere, if the answer ends the line. */
function hashSite(tokens: readonly Token[], at: number, site: Site): Site | null {
  if (startsLine(tokens, at)) return site.reading.kind === "nothing" ? site : labelled(site);
  return site.reading.kind === "label" && endsSentence(tokens, site.reading.next) ? site : null;
}

function labelled(site: Site): Site | null {
  return site.reading.kind === "label" || site.reading.kind === "several" ? site : null;
}

/** A qualifier up to two words before the noun, or behind it ("opción correcta", "opción más probable"). */
function isQualified(tokens: readonly Token[], at: number): boolean {
  const isQualifier = (place: number) => lexicon.qualifiers.has(tokens[place]?.text ?? "");
  const before = isSentenceEnd(tokens[at - 1]) ? [] : [at - 1, at - 2];
  return [...before, at + 1].some(isQualifier) || lexicon.best.has(tokens[at + 1]?.text ?? "");
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
