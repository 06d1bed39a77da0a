/**
 * Splits one free text, as chat clients send it, into options, context and question. It works line by line, in linear
 * time, and changes no words.
 */
import type { Option, Question } from "./question.ts";
import type { TaskSpec } from "./task.ts";

type Part = "question" | "context";

const headings: ReadonlyMap<string, Part | "options"> = new Map([
  ["question", "question"],
  ["q", "question"],
  ["hypothesis", "question"],
  ["claim", "question"],
  ["frequently asked question", "question"],
  ["context", "context"],
  ["abstract", "context"],
  ["evidence", "context"],
  ["passage", "context"],
  ["premise", "context"],
  ["text", "context"],
  ["patient's question", "context"],
  ["options", "options"],
  ["choices", "options"],
  ["answer choices", "options"],
]);
const longestHeading = 26;

/**
 * The question in a chat message, by its task's rules; `task` null: any task.
 *
 * - Options are the last run of lines "A. text", "A) text", "(A) text" or "A: text" whose letters
 *   begin at A and go on without a gap, at least two, or else such a run of "(A) text (B) text" in
 *   one line. They are taken unless the task is free text. The labels of a closed task, listed
 *   under "Options:", are taken off too.
 * - Context is what stands under "Context:" ("Abstract:", "Evidence:", "Passage:", "Premise:",
 *   "Text:"), up to the next heading or the options; not for a task that forbids context.
 * - The question is the rest, without the heading "Question:", trimmed, otherwise verbatim. If nothing is left (or
 *   everything is context), the whole text is the question.
 */
export function questionFromText(text: string, task: TaskSpec | null): Question {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const lettered = task?.kind === "free" ? null : findOptions(lines);
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

function headingOf(line: string): { part: Part | "options"; rest: string } | null {
  const plain = line.trimStart().replace(/^(\*\*|#{1,6} )/, "");
  const colon = plain.slice(0, longestHeading + 1).indexOf(":");
  if (colon < 0) return null;
  const part = headings.get(plain.slice(0, colon).toLowerCase());
  if (part === undefined) return null;
  return { part, rest: plain.slice(colon + 1).replace(/^(\*\*)?[ \t]*/, "") };
}

interface Taken {
  readonly options: readonly Option[];
  readonly rest: readonly string[];
}

/** The last run of lettered lines, or of letters in one line, and the remaining lines. */
function findOptions(lines: readonly string[]): Taken | null {
  const starts = lines.map(optionLine);
  const first = starts.findLastIndex((start) => start?.label === "A");
  const options: Option[] = [];
  let end = first;
  for (let at = first; first >= 0 && at < lines.length; at += 1) {
    const start = starts[at];
    if (start != null && start.label === letter(options.length)) {
      options.push(start);
      end = at + 1;
    } else if (lines[at]?.trim() !== "") break;
  }
  if (options.length < 2) return inOneLine(lines);
  return { options, rest: [...lines.slice(0, first), ...lines.slice(end)] };
}

/** "... (A) text (B) text (C) text" in the last line that has it. */
function inOneLine(lines: readonly string[]): Taken | null {
  const at = lines.findLastIndex((line) => line.includes("(A) ") && line.includes("(B) "));
  const line = lines[at];
  if (line === undefined) return null;
  const options: Option[] = [];
  const first = line.indexOf("(A) ");
  let from = first;
  while (from >= 0) {
    const next = line.indexOf(`(${letter(options.length + 1)}) `, from + 4);
    const text = line.slice(from + 4, next < 0 ? undefined : next).trim();
    options.push({ label: letter(options.length), text: text.replace(/[,;]$/, "") });
    from = next;
  }
  if (options.length < 2 || options.some((option) => option.text === "")) return null;
  return { options, rest: lines.with(at, line.slice(0, first)) };
}

function letter(index: number): string {
  return String.fromCharCode(65 + index);
}

const optionStart = /^[ \t]{0,8}(?:[-*] )?(?:\*\*)?\(?([A-Z])(?:\)|[.:](?=[ \t*]))/;

/** "A. text", "A) text", "(A) text", "A: text", with list or bold marks around. */
function optionLine(line: string): Option | null {
  const found = optionStart.exec(line);
  if (found?.[1] === undefined) return null;
  const text = line.slice(found[0].length).replaceAll("**", "").trim();
  return text === "" ? null : { label: found[1], text };
}
