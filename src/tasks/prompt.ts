/**
 * The chats that an LLM gets: a question under its task, with one worked example; and, for the judge of free text, a
 * candidate beside the reference. Also whether a candidate is right, by its label or by the judge's verdict.
 */
import { parseAnswer } from "./parse.ts";
import {
  type ChatMessage,
  labelOptions,
  type Option,
  type Question,
  renderOption,
} from "./question.ts";
import { taskById } from "./registry.ts";
import type { TaskSpec } from "./task.ts";

/**
 * The chat of a question under a task: `[system, user (example), assistant (example), user]`.
 * The last message holds the caller's question, options and context verbatim. A closed task's
 * options may be left empty. One-shot chain of thought as in MedAdapter (arXiv 2405.03000).
 */
export function renderPrompt(task: TaskSpec, question: Question): ChatMessage[] {
  const { system, demonstration } = task.prompt;
  const example: Question = {
    question: demonstration.question,
    context: demonstration.context,
    options: Object.entries(demonstration.options ?? {}).map(([label, text]) => ({ label, text })),
  };
  return [
    { role: "system", content: system },
    { role: "user", content: userMessage(task, example) },
    { role: "assistant", content: demonstration.answer },
    { role: "user", content: userMessage(task, question) },
  ];
}

function userMessage(task: TaskSpec, question: Question): string {
  const fill: Record<string, string> = {
    context: question.context ?? "",
    question: question.question,
    options: renderOptions(task, question.options),
  };
  const sections: string[] = [];
  for (const section of task.prompt.user) {
    const open = section.indexOf("{");
    const close = section.indexOf("}");
    const value = fill[section.slice(open + 1, close)] ?? "";
    if (value.trim() === "") continue;
    sections.push(section.slice(0, open) + value + section.slice(close + 1));
  }
  return sections.join("\n\n");
}

function renderOptions(task: TaskSpec, options: readonly Option[]): string {
  const shown = options.length === 0 && task.kind === "closed" ? labelOptions(task) : options;
  return shown.map(renderOption).join("\n");
}

/** Whether a parsed label is the gold label (blanks and case apart); an unparsed answer is wrong. */
export function isCorrect(label: string | null, gold: string): boolean {
  return label !== null && label.trim().toLowerCase() === gold.trim().toLowerCase();
}

/** The chat that asks an LLM judge about one candidate; null for a task that is judged by its label. */
export function judgePrompt(
  task: TaskSpec,
  question: string,
  reference: string,
  candidate: string,
): ChatMessage[] | null {
  if (task.judge.kind !== "llm") return null;
  const fill: Record<string, string> = { question, reference, candidate };
  const content = task.judge.user
    .split(/\{(question|reference|candidate)\}/)
    .map((part, index) => (index % 2 === 1 ? (fill[part] ?? "") : part))
    .join("");
  return [
    { role: "system", content: task.judge.system },
    { role: "user", content },
  ];
}

/** The judge's verdict, or null where it gave none that can be read. */
export function readVerdict(text: string): boolean | null {
  const yesno = taskById("yesno");
  if (yesno === null) return null;
  const { label } = parseAnswer(yesno, labelOptions(yesno), text);
  return label === null ? null : label === "yes";
}
