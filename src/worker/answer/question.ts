/** From a question on the wire to the core's question and its task. Faults name their field. */
import {
  fitQuestion,
  type Option,
  type Question,
  type QuestionFault,
} from "../../tasks/question.ts";
import { inferTask, taskById } from "../../tasks/registry.ts";
import type { TaskSpec } from "../../tasks/task.ts";
import { fieldProblem, type Problem } from "../http/problems.ts";

/** Options on the wire: a list, or texts by their labels. */
export type WireOptions =
  | readonly { readonly label: string; readonly text: string }[]
  | Readonly<Record<string, string>>;

/** Options in the core's form, in the caller's order, labels without surrounding space. */
export function toOptions(options: WireOptions | null | undefined): Option[] {
  const pairs: [string, string][] = Array.isArray(options)
    ? options.map(({ label, text }) => [label, text])
    : Object.entries(options ?? {});
  return pairs.map(([label, text]) => ({
    label: label.toWellFormed().trim(),
    text: text.toWellFormed().trim(),
  }));
}

/** A question in the core's form. Lone surrogates become U+FFFD, as the adapter and most LLMs need it. */
export function toQuestion(wire: {
  question: string;
  options?: WireOptions | null | undefined;
  context?: string | null | undefined;
  evidence?: string | null | undefined;
}): Question {
  return {
    question: wire.question.toWellFormed().trim(),
    options: toOptions(wire.options),
    context: textOrNull(wire.context),
    ...toEvidence(wire.evidence),
  };
}

/** The part of a question that is evidence; none where it is blank. */
export function toEvidence(evidence: string | null | undefined): Pick<Question, "evidence"> {
  const text = textOrNull(evidence);
  return text === null ? {} : { evidence: text };
}

function textOrNull(text: string | null | undefined): string | null {
  const whole = text?.toWellFormed() ?? "";
  return whole.trim() === "" ? null : whole;
}

/** Names of the fields that a fault is to name: they differ between routes. */
export interface FieldNames {
  readonly task: string;
  readonly options: string;
  readonly context: string;
  readonly evidence: string;
}

/** The task by its id, or by the question's looks, and the question as that task wants it. Throws `Problem`. */
export function readTaskAndQuestion(
  taskId: string | null | undefined,
  given: Question,
  fields: FieldNames,
): { task: TaskSpec; question: Question } {
  const task = taskId ? taskById(taskId) : inferTask(given);
  if (task === null) throw fieldProblem("unknown_task", fields.task);
  const fitted = fitQuestion(task, given);
  if ("fault" in fitted) throw questionProblem(fitted.fault, fields);
  return { task, question: fitted.question };
}

function questionProblem(fault: QuestionFault, fields: FieldNames): Problem {
  const about = (field: string, reason: string) => fieldProblem("invalid_request", field, reason);
  switch (fault.kind) {
    case "options_required":
      return about(fields.options, "is required by this task");
    case "options_forbidden":
      return about(fields.options, "must not be given for this task");
    case "options_not_labels":
      return about(fields.options, `must be this task's labels: ${fault.labels.join(", ")}`);
    case "context_required":
      return about(fields.context, "is required by this task");
    case "context_forbidden":
      return about(fields.context, "must not be given for this task");
    case "evidence_forbidden":
      return about(fields.evidence, "must not be given for this task");
    case "evidence_beside_context":
      return about(fields.evidence, "must not be given beside context");
  }
}
