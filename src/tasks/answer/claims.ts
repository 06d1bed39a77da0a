/** Statements whose option comes first: "(B) is the correct answer", "C: correct", "C を選びます"; and "Therefore, yes." */
import { lexicon } from "./lexicon.ts";
import {
  type Choices,
  closers,
  type Found,
  isJoiner,
  isNamed,
  readOption,
  skip,
  skipMarks,
} from "./options.ts";
import type { Site } from "./reading.ts";
import { isSentenceEnd, isSuperlative, type Sentence, startsClause } from "./sentence.ts";
import type { Token } from "./tokens.ts";

/** "(B) is the correct answer", "option B is correct", "C is right.", "B. text is the most likely cause". */
export function claimSite(
  tokens: readonly Token[],
  at: number,
  choices: Choices,
  sentence: Sentence,
): Site | null {
  const found = optionAt(tokens, at, choices);
  if (found === null) return null;
  const site: Site = { strength: "claim", at, reading: { kind: "label", ...found } };
  const first = firstOf(tokens, at);
  const lead = tokens[first - 1];
  const closing = closers.has(tokens[first - 2]?.text ?? "") ? 1 : 0;
  const listed = isJoiner(lead) && choices.letters.has(tokens[first - 2 - closing]?.text ?? "");
  if (listed) return null;
  const named = isNamed(lead) || lexicon.answers.has(lead?.text ?? "");
  const bare = lexicon.articles.has(lead?.text ?? "") ? first - 1 : first;
  const stated =
    found.verified || first < at || named || (startsClause(tokens, bare) && !found.byText);
  const end = skip(tokens, found.next, closers);
  const after = tokens[lexicon.suffixes.has(tokens[end]?.text ?? "") ? end + 1 : end]?.text ?? "";
  if (lexicon.denials.has(after)) return null;
  if (stated || found.byText) {
    if (lexicon.chosen.has(after)) return { ...site, strength: "phrase" };
    if (sentence.superlative && lexicon.finals.has(after)) return site;
  }
  return isRuledRight(tokens, found.next, stated) ? site : null;
}

/** "C şıkkı doğrudur", "C项正确", "C. text: This option is correct". */
function isSkipped(text: string): boolean {
  const { fillers, qualifiers, finals, articles, units } = lexicon;
  return [fillers, qualifiers, finals, articles, units].some((list) => list.has(text));
}

/** Whether what follows an option says that it is the answer; `stated`: its letter cannot be another word. */
function isRuledRight(tokens: readonly Token[], optionEnd: number, stated: boolean): boolean {
  const from = skipMarks(tokens, optionEnd);
  if (tokens.slice(optionEnd, from).some(isSentenceEnd)) return false;
  let copula = false;
  for (let next = from; next < from + 8; next += 1) {
    const word = tokens[next];
    if (word === undefined || word.kind !== "word" || lexicon.negations.has(word.text))
      return false;
    const { text } = word;
    const noun = copula && (lexicon.answers.has(text) || text === "right");
    const judged = stated && (lexicon.rights.has(text) || noun);
    if (copula && (isSuperlative(tokens, next) || (stated && text === "correct"))) return true;
    if (judged && ends(tokens[next + 1])) return true;
    if (lexicon.copulas.has(text) || lexicon.statements.has(text)) copula = true;
    else if (!isSkipped(text) || (!copula && lexicon.articles.has(text))) return false;
  }
  return false;
}

/** In a list that judges every option: "C: correct", "C. Naproxen - correct, because ...", "| C | ✓ |". */
export function verdictSite(tokens: readonly Token[], at: number, choices: Choices): Site | null {
  const found = optionAt(tokens, at, choices);
  if (found === null || found.byText || !startsItem(tokens, firstOf(tokens, at))) return null;
  const site: Site = { strength: "claim", at, reading: { kind: "label", ...found } };
  const before = tokens[firstOf(tokens, at) - 1]?.text;
  if (before === "\u2713") return site;
  const from = skipMarks(tokens, found.next);
  if (from === found.next || before === "\u2717") return null;
  const marks = tokens.slice(found.next, from).map(({ text }) => text);
  if (marks.includes("\u2713")) return site;
  if (marks.includes("\u2717")) return null;
  const after = tokens[from + 1];
  const word = tokens[from]?.text ?? "";
  return (lexicon.rights.has(word) || word === "right") && ends(after) ? site : null;
}

/** The beginning of a clause, or of a line but for a sign ("✓ C"). */
function startsItem(tokens: readonly Token[], at: number): boolean {
  const sign = ["\u2713", "\u2717"].includes(tokens[at - 1]?.text ?? "");
  return startsClause(tokens, sign ? at - 1 : at);
}

/** "Therefore, yes." as a whole sentence. */
export function concluded(tokens: readonly Token[], at: number, choices: Choices): Site | null {
  const start = skipMarks(tokens, at + 1);
  const found = readOption(tokens, start, choices);
  if (found === null) return null;
  const after = tokens[found.next];
  const whole = after === undefined || after.kind === "line" || isSentenceEnd(after);
  return whole ? { strength: "phrase", at, reading: { kind: "label", ...found } } : null;
}

function optionAt(tokens: readonly Token[], at: number, choices: Choices): Found | null {
  const text = tokens[at]?.text ?? "";
  if (!choices.letters.has(text) && !choices.texts.next.has(text)) return null;
  return readOption(tokens, at, choices, true);
}

/** The place of the bracket before an option's letter, or of the letter. */
function firstOf(tokens: readonly Token[], at: number): number {
  const before = tokens[at - 1];
  return before?.kind === "mark" && ["(", "["].includes(before.text) ? at - 1 : at;
}

/** Whether a judgement may end here: at a sign, a line's end, a reason, or a noun ("correct answer"). */
function ends(token: Token | undefined): boolean {
  if (token === undefined || token.kind !== "word") return true;
  const { text } = token;
  if (lexicon.answers.has(text) || lexicon.nouns.has(text) || lexicon.reasons.has(text))
    return true;
  return lexicon.finals.has(text) || lexicon.connectors.has(text);
}
