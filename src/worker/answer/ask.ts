/**
 * From a valid request to what the pipeline needs: task, question, prompt, model. Faults name their field.
 *
 * How much a request may have the LLM write: within the deployment's bounds, `MAX_K` and `MAX_TOKENS`.
 */
import type { Abstain, Strategy } from "../../adapter/select/candidates.ts";
import { renderPrompt } from "../../tasks/prompt.ts";
import {
  type ChatMessage,
  fitQuestion,
  type Question,
  type QuestionFault,
} from "../../tasks/question.ts";
import { inferTask, taskById } from "../../tasks/registry.ts";
import type { TaskSpec } from "../../tasks/task.ts";
import type { AdapterChoice } from "../adapters/rollout.ts";
import type { Config, Parts } from "../config/parts.ts";
import { fieldProblem, type Problem } from "../http/problems.ts";
import { DEFAULT_K, DEFAULT_MAX_TOKENS } from "./fields.ts";

/** How the LLM is to write. */
export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxTokens: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly user?: string;
}

/** One question, ready to be asked. */
export interface Ask extends AdapterChoice {
  readonly task: TaskSpec;
  readonly question: Question;
  /** The field that held the question, for problems. */
  readonly questionField: string;
  readonly messages: readonly ChatMessage[];
  readonly model: string;
  /** Candidates to ask the LLM for; at most so many where `adaptive` is set. */
  readonly k: number;
  /** For `k: "auto"`: candidates in waves until the leader is settled, at least so many. Null: all K at once. */
  readonly adaptive: { readonly least: number } | null;
  /** Null: the default for the task. */
  readonly strategy: Strategy | null;
  readonly abstain: Abstain | null;
  /** Question, candidates and scores are kept, for the outcome to be joined later. */
  readonly store: boolean;
  readonly sampling: Sampling;
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

/** The model to ask. Throws `Problem` for one that is not configured. */
export function readModel(model: string | null | undefined, config: Config): string {
  if (!model) return config.models[0];
  if (config.models.includes(model)) return model;
  throw fieldProblem("unknown_model", "model");
}

/** `store` from the wire. Throws `Problem` where nothing can be kept. */
export function readStore(
  store: boolean | null | undefined,
  { keepOutcome }: Pick<Parts, "keepOutcome">,
): boolean {
  if (store === true && keepOutcome === null) throw fieldProblem("storage_unavailable", "store");
  return store === true;
}

/** `abstain` from the wire. */
export function readAbstain(
  rule: { target_error: number } | { below: number } | null | undefined,
): Abstain | null {
  if (!rule) return null;
  return "below" in rule
    ? { kind: "below", threshold: rule.below }
    : { kind: "target_error", targetError: rule.target_error };
}

/**
 * The conversation that the LLM gets: the caller's system and earlier messages unchanged, then the question in its
 * task's form. The task's worked example goes before the conversation, so that answers end in a form that can be read;
 * its system message only where the caller has none. Free text is handed on as it came.
 */
export function promptAfter(
  messages: readonly ChatMessage[],
  task: TaskSpec,
  question: Question,
): ChatMessage[] {
  if (task.kind === "free") return [...messages];
  const own = renderPrompt(task, question);
  const firstOther = messages.findIndex(({ role }) => role !== "system");
  const system = messages.slice(0, firstOther);
  const earlier = messages.slice(firstOther, -1);
  const example = own.slice(1, -1);
  return [
    ...(system.length > 0 ? system : own.slice(0, 1)),
    ...example,
    ...earlier,
    ...own.slice(-1),
  ];
}

export interface WireCount {
  readonly k?: number | "auto" | undefined;
  readonly max_k?: number | null | undefined;
  /** Candidates that are needed at least: `n` of a chat. */
  readonly n?: number | null | undefined;
}

/** Names of the fields that a fault is to name: they differ between routes. */
export interface CountFields {
  readonly k: string;
  readonly max_k: string;
}

/** `k` and `max_k` from the wire. Throws `Problem` for more than may be asked for, or a `max_k` beside a number. */
export function readK(
  wire: WireCount,
  fields: CountFields,
  { maxK: most }: Pick<Config, "maxK">,
): Pick<Ask, "k" | "adaptive"> {
  const least = atMost(most, wire.n, "n") ?? 1;
  const usual = Math.max(Math.min(DEFAULT_K, most), least);
  if (wire.k === "auto") {
    return { k: atMost(most, wire.max_k, fields.max_k) ?? usual, adaptive: { least } };
  }
  if (wire.max_k == null) return { k: atMost(most, wire.k, fields.k) ?? usual, adaptive: null };
  throw fieldProblem("invalid_request", fields.max_k, 'goes with k: "auto" only');
}

/** Tokens for each candidate: the first of the fields that is given, or the usual. Throws `Problem` for too many. */
export function readMaxTokens(
  given: readonly (readonly [field: string, tokens: number | null | undefined])[],
  { maxTokens: most }: Pick<Config, "maxTokens">,
): number {
  // A field that another stands above is no way around the bound either.
  const [tokens] = given.flatMap(([field, value]) => atMost(most, value, field) ?? []);
  return tokens ?? Math.min(DEFAULT_MAX_TOKENS, most);
}

/** The number, null for none. Throws `Problem` where it is more. */
function atMost(most: number, given: number | null | undefined, field: string): number | null {
  if (given == null) return null;
  if (given > most) throw fieldProblem("invalid_request", field, `must be at most ${most}`);
  return given;
}
