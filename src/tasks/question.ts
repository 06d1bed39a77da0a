/**
 * A caller's question, as every part of the service sees it; and its options: made from a task's labels, checked against
 * the task's rules, and rendered.
 */
import type { TaskSpec } from "./task.ts";

/** One selectable answer. Lettered options have `label` "A"; label sets such as yes/no have `label` equal to `text`. */
export interface Option {
  readonly label: string;
  readonly text: string;
}

/** A question with its options (empty for free text) and what it may be answered from. */
export interface Question {
  readonly question: string;
  readonly options: readonly Option[];
  /** What the LLM sees beside the question. The adapter reads it too. */
  readonly context: string | null;
  /** What only the adapter reads, in place of context: no LLM sees it. Absent: nothing. */
  readonly evidence?: string;
}

/** What the adapter reads beside question and options: the context, or else the evidence. */
export function readByAdapter({ context, evidence }: Question): string | null {
  return context ?? evidence ?? null;
}

/** Whether the adapter reads what the LLM does not see. */
export function isEvidenceUnseen({ context, evidence }: Question): boolean {
  return context === null && evidence !== undefined;
}

/** One message to an LLM, in the form that chat APIs share. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** Why a question does not fit a task. Holds no text from the caller. */
export type QuestionFault =
  | { readonly kind: "options_required" }
  | { readonly kind: "options_forbidden" }
  | { readonly kind: "options_not_labels"; readonly labels: readonly string[] }
  | { readonly kind: "context_required" }
  | { readonly kind: "context_forbidden" }
  | { readonly kind: "evidence_forbidden" }
  | { readonly kind: "evidence_beside_context" };

/** The options of a closed task: each label is its own text. */
export function labelOptions(task: TaskSpec): Option[] {
  return task.labels.map((label) => ({ label, text: label }));
}

/** Whether the options are exactly these labels (label equal to text; any order, any case). */
export function optionsAreLabels(options: readonly Option[], labels: readonly string[]): boolean {
  const given = new Set(options.map((option) => option.label.trim().toLowerCase()));
  return (
    options.length === labels.length &&
    options.every((o) => o.label.trim().toLowerCase() === o.text.trim().toLowerCase()) &&
    labels.every((label) => given.has(label.toLowerCase()))
  );
}

/**
 * The question in its task's form: a closed task's options are filled in, in the task's order and spelling, and a blank
 * context becomes null. Or the first rule that the question breaks.
 */
export function fitQuestion(
  task: TaskSpec,
  question: Question,
): { readonly question: Question } | { readonly fault: QuestionFault } {
  const context = question.context?.trim() ? question.context : null;
  if (task.context === "required" && context === null)
    return { fault: { kind: "context_required" } };
  if (task.context === "forbidden" && context !== null) {
    return { fault: { kind: "context_forbidden" } };
  }
  if (question.evidence !== undefined) {
    if (context !== null) return { fault: { kind: "evidence_beside_context" } };
    if (task.context === "forbidden") return { fault: { kind: "evidence_forbidden" } };
  }
  const { options } = question;
  if (task.options === "required" && options.length === 0) {
    return { fault: { kind: "options_required" } };
  }
  if (task.options === "forbidden" && options.length > 0) {
    return { fault: { kind: "options_forbidden" } };
  }
  if (task.options !== "labels") return { question: { ...question, context } };
  if (options.length > 0 && !optionsAreLabels(options, task.labels)) {
    return { fault: { kind: "options_not_labels", labels: task.labels } };
  }
  return { question: { ...question, options: labelOptions(task), context } };
}

/** One option as prompts and the adapter's text template write it: "A. text", or the text alone. */
export function renderOption(option: Option): string {
  return option.label.toLowerCase() === option.text.toLowerCase()
    ? option.text
    : `${option.label}. ${option.text}`;
}
