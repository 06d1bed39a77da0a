/** Reads the answer that an LLM's text ends in. Rules and measured agreement: `docs/parsing.md`. */
import { type Choices, readChoices } from "./answer/choices.ts";
import { readLine, splitLines } from "./answer/lines.ts";
import { findSites, type Site } from "./answer/sites.ts";
import { type Token, tokenize } from "./answer/tokens.ts";
import { labelOptions } from "./options.ts";
import type { Option } from "./question.ts";
import type { TaskSpec } from "./task.ts";

/** An option's label as given, and how it was found; `label` is null for `none` and `conflict`. */
export interface ParsedAnswer {
  readonly label: string | null;
  readonly how: "marker" | "phrase" | "bare" | "option_text" | "none" | "conflict";
}

const none: ParsedAnswer = { label: null, how: "none" };
const conflict: ParsedAnswer = { label: null, how: "conflict" };

/**
 * The answer of one candidate. Pure, linear in the text's length, never throws.
 * `options` may be empty for a closed task (its labels are meant); free text has no answer to parse.
 */
export function parseAnswer(
  task: TaskSpec,
  options: readonly Option[],
  text: string,
): ParsedAnswer {
  if (task.kind === "free") return none;
  const choices = readChoices(task, options.length === 0 ? labelOptions(task) : options);
  const tokens = tokenize(text);
  const thought = tokens.findLastIndex((token) => token.text === "</think>") + 1;
  const parsed = decide(tokens.slice(thought), choices);
  return parsed.how === "none" && thought > 0 ? decide(tokens.slice(0, thought), choices) : parsed;
}

function decide(tokens: readonly Token[], choices: Choices): ParsedAnswer {
  const lines = splitLines(tokens);
  const lastLine = lines.at(-1);
  if (lastLine === undefined) return none;
  const sites = findSites(tokens, choices);
  const bare = readLine(tokens, lastLine[0], lastLine[1], choices);
  const final = sites.findLast((site) => site.strength === "final");
  if (final !== undefined && (bare === null || final.at >= lastLine[0]))
    return settle([final], "marker");
  if (bare !== null) return { label: bare.label, how: bare.byText ? "option_text" : "bare" };
  for (const strength of ["phrase", "claim"] as const) {
    const found = sites.filter(
      (site) =>
        site.strength === strength &&
        site.reading.kind !== "denied" &&
        site.reading.kind !== "unread",
    );
    if (found.length > 0) return settle(found, "phrase");
  }
  const firstLine = lines[0] ?? lastLine;
  const first = readLine(tokens, firstLine[0], firstLine[1], choices);
  if (first !== null) return { label: first.label, how: first.byText ? "option_text" : "bare" };
  return none;
}

function settle(sites: readonly Site[], how: "marker" | "phrase"): ParsedAnswer {
  const labels = new Set<string>();
  for (const { reading } of sites) {
    if (reading.kind === "several") return conflict;
    if (reading.kind === "label") labels.add(reading.label);
  }
  const [label] = labels;
  if (label === undefined) return none;
  return labels.size > 1 ? conflict : { label, how };
}
