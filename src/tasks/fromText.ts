/**
 * Splits one free text, as chat clients send it, into options, context and question. It works line by line, in linear
 * time, and changes no words.
 */
import { languages } from "./answer/lexicon.ts";
import { takeOptions } from "./optionRuns.ts";
import type { Question } from "./question.ts";
import type { TaskSpec } from "./task.ts";

type Part = "question" | "context";

const headings: ReadonlyMap<string, Part | "options"> = new Map([
  ...Object.values(languages).flatMap((language) => [
    ...(language.questions ?? []).map((name) => [name, "question"] as const),
    ...(language.contexts ?? []).map((name) => [name, "context"] as const),
    ...(language.options ?? []).map((name) => [name, "options"] as const),
  ]),
  ["hypothesis", "question"],
  ["claim", "question"],
  ["frequently asked question", "question"],
]);
const longestHeading = 26;

/**
 * The question in a chat message, by its task's rules; `task` null: any task.
 *
 * - Options are the last run of lines with labels in order ("A. text", "a) text", "(A) text", "1. text", "A - text", also of
 *   other alphabets), at least two, or else such marks in one line. Numbers and small letters count only where no question
 *   follows them. They are taken unless the task is free text. The labels of a closed task, listed
 *   under "Options:", are taken off too.
 * - Context is what stands under "Context:" ("Abstract:", "Evidence:", "Passage:", "Premise:",
 *   "Text:"), up to the next heading or the options; not for a task that forbids context.
 * - The question is the rest, without the heading "Question:", trimmed, otherwise verbatim. If nothing is left (or
 *   everything is context), the whole text is the question.
 */
export function questionFromText(text: string, task: TaskSpec | null): Question {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const lettered = task?.kind === "free" ? null : takeOptions(lines, isOptionsHeading);
  const rest = lettered === null ? lines : lettered.rest;
  const parts: Record<Part, string[]> = { question: [], context: [] };
  let part: Part | "options" = "question";
  for (const line of rest) {
    const heading = headingOf(line);
    const allowed = heading?.part !== "context" || task?.context !== "forbidden";
    if (heading !== null && allowed) part = heading.part;
    const content = heading !== null && allowed ? heading.rest : line;
    if (part !== "options") parts[part].push(content);
    else if (!isLabel(content, task)) parts.question.push(content);
  }
  const question = parts.question.join("\n").trim();
  const context = parts.context.join("\n").trim();
  if (question === "") return { question: text.trim(), options: [], context: null };
  return { question, options: lettered?.options ?? [], context: context === "" ? null : context };
}

/** Whether a line under "Options:" is blank or holds only the task's labels: then it is not part of the question. */
function isLabel(line: string, task: TaskSpec | null): boolean {
  const labels = new Set(task?.kind === "closed" ? task.labels : ["yes", "no", "maybe"]);
  const words = line.toLowerCase().split(/[\s,/*.|-]+/);
  return words.every((word) => word === "" || word === "or" || labels.has(word));
}

function isOptionsHeading(line: string): boolean {
  return headingOf(line)?.part === "options";
}

function headingOf(line: string): { part: Part | "options"; rest: string } | null {
  const plain = line.trimStart().replace(/^(\*\*|#{1,6} )/, "");
  const colon = plain.slice(0, longestHeading + 1).search(/[:\uff1a]/);
  if (colon < 0) return null;
  const part = headings.get(plain.slice(0, colon).trim().toLowerCase());
  if (part === undefined) return null;
  return { part, rest: plain.slice(colon + 1).replace(/^(\*\*)?[ \t]*/, "") };
}
