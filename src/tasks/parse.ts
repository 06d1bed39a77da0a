/** Reads the final answer in an LLM's text. Rules and measured agreement: `docs/parsing.md`. */

import { joinTerms } from "./answer/lexicon.ts";
import { type Choices, type Found, readChoices } from "./answer/options.ts";
import { lastAnswer, onlyAnswer, opening, readLines, type Site } from "./answer/reading.ts";
import { findSites } from "./answer/sites.ts";
import { type Token, tokenize } from "./answer/tokens.ts";
import { questionTurns, templateTurns } from "./answer/turns.ts";
import { labelOptions, type Option } from "./question.ts";
import type { TaskSpec } from "./task.ts";
import { withoutThinking } from "./thinking.ts";

/** An option's label as given, and how it was found; `label` is null for `none` and `conflict`. */
export interface ParsedAnswer {
  readonly label: string | null;
  readonly how: "marker" | "phrase" | "bare" | "option_text" | "none" | "conflict";
}

const none: ParsedAnswer = { label: null, how: "none" };
const conflict: ParsedAnswer = { label: null, how: "conflict" };

/**
 * The answer of one candidate. Pure, linear in the text's length, never throws.
 * `options` may be empty for a closed task, whose labels are then used. Free text has no answer to parse.
 */
export function parseAnswer(
  task: TaskSpec,
  options: readonly Option[],
  text: string,
): ParsedAnswer {
  return answerReader(task, options)(text);
}

/** `parseAnswer` for many texts: the options are read once, at the first text. */
export function answerReader(
  task: TaskSpec,
  options: readonly Option[],
): (text: string) => ParsedAnswer {
  if (task.kind === "free") return () => none;
  let choices: Choices | null = null;
  return (text) => {
    choices ??= readChoices(task, options.length === 0 ? labelOptions(task) : options);
    return readText(text, choices);
  };
}

function readText(text: string, choices: Choices): ParsedAnswer {
  // The first turn that says something answers the question that was asked; before it stands, at most, a copy of it.
  for (const turn of templateTurns(withoutThinking(text).text)) {
    for (const tokens of questionTurns(joinTerms(tokenize(turn)), choices)) {
      const parsed = decide(answerPart(tokens), choices);
      if (parsed.how !== "none") return parsed;
    }
  }
  return none;
}

/** The tokens from the last `<answer>` that a word follows; without one, all tokens. */
function answerPart(tokens: readonly Token[]): readonly Token[] {
  const lastWord = tokens.findLastIndex((token) => token.kind === "word");
  const start = tokens.findLastIndex(({ text }, at) => at < lastWord && text === "<answer>");
  return start > 0 ? tokens.slice(start) : tokens;
}

function decide(tokens: readonly Token[], choices: Choices): ParsedAnswer {
  const lines = readLines(tokens, choices);
  const last = lines.at(-1);
  if (last === undefined) return none;
  const sites = findSites(tokens, choices);
  const final = lastFinal(sites, last.start);
  const bare = lastAnswer(tokens, lines, choices);
  if (final !== null) {
    if (bare === null || bare.label === labelOf(final) || final.at >= last.start)
      return settle([final]);
  }
  if (bare !== null) return byLine(bare);
  for (const strength of ["phrase", "claim"] as const) {
    const found = sites.filter((site) => site.strength === strength && isStated(site));
    if (found.length > 0) return settle(found);
  }
  const alone = opening(tokens, lines, choices) ?? onlyAnswer(tokens, lines);
  return alone === null ? none : byLine(alone);
}

/**
 * The last final marker that states an answer, or a phrase ("the answer is B") after it. A marker whose words name no
 * option ("Answer: cannot be determined") counts only if it ends the text and nothing after it names an option.
 */
function lastFinal(sites: readonly Site[], lastLine: number): Site | null {
  const last = sites.at(-1);
  if (last?.strength === "final" && !isStated(last) && last.at >= lastLine) return last;
  const index = sites.findLastIndex((site) => site.strength === "final" && isStated(site));
  const final = sites[index];
  if (final === undefined) return null;
  const later = sites
    .slice(index + 1)
    .findLast((site) => site.strength === "phrase" && site.reading.kind === "label");
  return later === undefined || labelOf(later) === labelOf(final) ? final : later;
}

function labelOf({ reading }: Site): string | null {
  return reading.kind === "label" ? reading.label : null;
}

function isStated(site: Site): boolean {
  return site.reading.kind !== "denied" && site.reading.kind !== "unread";
}

function byLine(found: Found): ParsedAnswer {
  return { label: found.label, how: found.byText ? "option_text" : "bare" };
}

function settle(sites: readonly Site[]): ParsedAnswer {
  const how = sites.some((site) => site.strength === "final") ? "marker" : "phrase";
  const labels = new Set<string>();
  for (const { reading } of sites) {
    if (reading.kind === "several") return conflict;
    if (reading.kind === "label") labels.add(reading.label);
  }
  const [label] = labels;
  if (label === undefined) return none;
  return labels.size > 1 ? conflict : { label, how };
}
