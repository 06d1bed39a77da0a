/** Renders a question as the messages that the LLM gets: system, one worked example, the question. */
import { labelOptions, renderOption } from "./options.ts";
import type { ChatMessage, Option, Question } from "./question.ts";
import type { TaskSpec } from "./task.ts";

/**
 * The chat of a question under a task: `[system, user (example), assistant (example), user]`.
 * The last message holds the caller's question, options and context verbatim. A closed task's
 * options may be left empty. One-shot chain of thought as in MedAdapter (arXiv 2405.03000);
 * Python renders the same texts (`tasks.py`).
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
