/** Reads the answer that follows a marker or phrase, past words like "is most likely option". */
import type { Choices } from "./choices.ts";
import {
  closers,
  type Found,
  isJoiner,
  openers,
  readOption,
  skip,
  skipMarks,
} from "./expression.ts";
import { lexicon } from "./lexicon.ts";
import { isSentenceEnd } from "./sentence.ts";
import type { Token } from "./tokens.ts";

/**
 * `label`: one option; `several`: more than one ("A and C"); `nothing`: says that no option is the
 * answer ("none of the above"); `denied`: negated ("the answer is not B"); `unread`: words that
 * name no option; `empty`: nothing stands there.
 */
export type Reading =
  | ({ readonly kind: "label" } & Found)
  | { readonly kind: "several"; readonly next: number }
  | { readonly kind: "nothing" | "denied" | "unread" | "empty" };

const leads = new Set([
  ...openers,
  ":",
  "-",
  "=",
  ">",
  ".",
  "#",
  "##",
  "###",
  "####",
  "|",
  "\\boxed",
]);
const maxSkipped = 16;
/** Answers that are followed in a list: bounds the work on "A or A or A ...". */
const maxLinks = 8;

/** The answer that begins at token `start`; looks at most 16 tokens ahead for it. */
export function readAnswer(tokens: readonly Token[], start: number, choices: Choices): Reading {
  let named = false;
  for (let at = start; at < Math.min(tokens.length, start + maxSkipped); at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    const found = readOption(tokens, at, choices, named);
    if (found !== null) return withOthers(tokens, found, choices);
    if (token.kind === "line") {
      if (at > start && isSentenceEnd(tokens[at - 1])) break;
      continue;
    }
    if (token.kind === "mark") {
      if (token.text === "</answer>") break;
      if (token.text === "." && !isDots(tokens, at)) break;
      if (!leads.has(token.text))
        return token.text === "<answer>" ? { kind: "empty" } : { kind: "unread" };
      named = named && openers.has(token.text);
      continue;
    }
    if (lexicon.nothing.has(token.text)) return { kind: "nothing" };
    if (lexicon.negations.has(token.text)) return { kind: "denied" };
    if (!lexicon.fillers.has(token.text) && !lexicon.copulas.has(token.text))
      return { kind: "unread" };
    named = token.text === "option" || token.text === "choice" || token.text === "letter";
  }
  return { kind: "empty" };
}

/** "A and C", "B or D", "A, B, C": more than one answer, unless all are the same. */
function withOthers(tokens: readonly Token[], found: Found, choices: Choices): Reading {
  if (found.rival) return { kind: "several", next: found.next };
  let next = skip(tokens, found.next, closers);
  let several = false;
  for (let links = 0; links < maxLinks; links += 1) {
    const from = next;
    while (next < from + 3 && isJoiner(tokens[next])) next += 1;
    if (next === from) break;
    let other = skip(tokens, next, openers);
    const named = ["option", "choice", "answer"].includes(tokens[other]?.text ?? "");
    if (named) other = skip(tokens, other + 1, openers);
    const read = readOption(tokens, other, choices);
    if (read === null || (read.byText && !found.byText)) break;
    several ||= read.label !== found.label;
    next = skip(tokens, read.next, closers);
  }
  several ||= listGoesOn(tokens, found, choices);
  return several ? { kind: "several", next } : { kind: "label", ...found };
}

/** "- (C) text" and a next line "- (H) text", both whole: a list of answers. */
function listGoesOn(tokens: readonly Token[], found: Found, choices: Choices): boolean {
  const end = skipMarks(tokens, found.next);
  if (!found.verified || tokens[end]?.kind !== "line") return false;
  const other = readOption(tokens, skipMarks(tokens, end + 1), choices);
  if (other === null || !other.verified || other.label === found.label) return false;
  const after = tokens[skipMarks(tokens, other.next)];
  return after === undefined || after.kind === "line";
}

function isDots(tokens: readonly Token[], at: number): boolean {
  return tokens[at + 1]?.text === "." || tokens[at - 1]?.text === ".";
}
