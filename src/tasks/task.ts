/**
 * The shape of a task in `registry/<id>.json`, and the reader that refuses any other shape.
 */

/** `closed`: a fixed label set; `lettered`: the caller's own options; `free`: text without options. */
export type TaskKind = "closed" | "lettered" | "free";

/** `labels`: made from the task's labels. A caller need give none; given ones must be exactly that set. */
export type OptionRule = "required" | "labels" | "forbidden";

export type ContextRule = "required" | "optional" | "forbidden";

/** The one worked example in every prompt, written for this project; `answer` ends with `#### label`. */
export interface Demonstration {
  readonly question: string;
  /** Label to text; null where the task has no options or makes them from its labels. */
  readonly options: Readonly<Record<string, string>> | null;
  readonly context: string | null;
  readonly answer: string;
}

/**
 * A user message is the sections joined by a blank line. Each section holds one placeholder
 * (`{context}`, `{question}` or `{options}`) and is left out where there is nothing to fill it.
 */
export interface PromptTemplate {
  readonly system: string;
  readonly user: readonly string[];
  readonly demonstration: Demonstration;
}

/** Other wordings of a label that an LLM may write where its answer stands. */
export interface ParserSettings {
  readonly aliases: Readonly<Record<string, readonly string[]>>;
}

/** `label`: right when the parsed label is the gold label; `llm`: another LLM compares with a reference. */
export type JudgeRule =
  | { readonly kind: "label" }
  | { readonly kind: "llm"; readonly system: string; readonly user: string };

export interface TaskSpec {
  readonly id: string;
  readonly name: string;
  readonly kind: TaskKind;
  readonly labels: readonly string[];
  readonly options: OptionRule;
  readonly context: ContextRule;
  readonly prompt: PromptTemplate;
  readonly parser: ParserSettings;
  readonly judge: JudgeRule;
}

/**
 * Reads one registry entry.
 * @throws Error that names the wrong field. The registry is part of the program, so this is a fault of the build, never
 * of a caller.
 */
export function readTask(value: unknown): TaskSpec {
  const task = record(value, "task");
  const id = text(task.id, "id");
  const prompt = record(task.prompt, `${id}.prompt`);
  const demonstration = record(prompt.demonstration, `${id}.demonstration`);
  const judge = record(task.judge, `${id}.judge`);
  const parser = record(task.parser, `${id}.parser`);
  const aliases = Object.entries(record(parser.aliases, `${id}.aliases`));
  return {
    id,
    name: text(task.name, `${id}.name`),
    kind: oneOf(task.kind, ["closed", "lettered", "free"], `${id}.kind`),
    labels: texts(task.labels, `${id}.labels`),
    options: oneOf(task.options, ["required", "labels", "forbidden"], `${id}.options`),
    context: oneOf(task.context, ["required", "optional", "forbidden"], `${id}.context`),
    prompt: {
      system: text(prompt.system, `${id}.system`),
      user: texts(prompt.user, `${id}.user`),
      demonstration: {
        question: text(demonstration.question, `${id}.demonstration.question`),
        options: demonstration.options === null ? null : textMap(demonstration.options, id),
        context: demonstration.context === null ? null : text(demonstration.context, id),
        answer: text(demonstration.answer, `${id}.demonstration.answer`),
      },
    },
    parser: {
      aliases: Object.fromEntries(aliases.map(([label, list]) => [label, texts(list, label)])),
    },
    judge:
      oneOf(judge.kind, ["label", "llm"], `${id}.judge.kind`) === "label"
        ? { kind: "label" }
        : { kind: "llm", system: text(judge.system, id), user: text(judge.user, id) },
  };
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`task registry: ${where} is not an object`);
  }
  return value as Record<string, unknown>;
}

function text(value: unknown, where: string): string {
  if (typeof value !== "string" || value === "") {
    throw new Error(`task registry: ${where} is not a text`);
  }
  return value;
}

function texts(value: unknown, where: string): string[] {
  if (!Array.isArray(value)) throw new Error(`task registry: ${where} is not a list`);
  return value.map((item) => text(item, where));
}

function textMap(value: unknown, where: string): Record<string, string> {
  const entries = Object.entries(record(value, where));
  return Object.fromEntries(entries.map(([key, item]) => [key, text(item, where)]));
}

function oneOf<const T extends string>(value: unknown, allowed: readonly T[], where: string): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new Error(`task registry: ${where} is not a known value`);
  return found;
}
