/** Whether a candidate is right: by its label, or by another LLM's verdict for free text. */
import { labelOptions } from "./options.ts";
import { parseAnswer } from "./parse.ts";
import type { ChatMessage } from "./question.ts";
import { taskById } from "./registry.ts";
import type { TaskSpec } from "./task.ts";

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
