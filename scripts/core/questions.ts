/** The operations on texts: tasks, prompts, answers read from candidates, lines of candidate files. */
import { z } from "zod";
import { labelKind } from "../../src/adapter/select/selector.ts";
import { parseAnswer } from "../../src/tasks/parse.ts";
import { isCorrect, judgePrompt, readVerdict, renderPrompt } from "../../src/tasks/prompt.ts";
import {
  type ChatMessage,
  isEvidenceUnseen,
  type Option,
  readByAdapter,
} from "../../src/tasks/question.ts";
import { taskById, taskIds } from "../../src/tasks/registry.ts";
import type { TaskSpec } from "../../src/tasks/task.ts";
import { ownQuestion, readRow, taskOfSet } from "./candidateFile.ts";
import { CoreFault } from "./fault.ts";

/** Label and text, in the order shown: an object would sort labels that are numbers. */
const options = z.array(z.tuple([z.string(), z.string()]));
const toOptions = (pairs: z.infer<typeof options>): Option[] =>
  pairs.map(([label, text]) => ({ label, text }));

export const noFields = z.strictObject({});

/** What Python reads of a task; the texts of its prompt stay here. */
export function tasks() {
  return {
    tasks: taskIds.map(taskOf).map(({ id, kind, labels, options, context, judge }) => {
      return { id, kind, labels, options, context, judge: judge.kind };
    }),
  };
}

export const promptRequest = z.strictObject({
  items: z.array(
    z.strictObject({
      task: z.string(),
      question: z.string(),
      options,
      context: z.string().nullable(),
    }),
  ),
});

/** What the LLM gets, by item. */
export function prompts({ items }: z.infer<typeof promptRequest>): { prompts: ChatMessage[][] } {
  return {
    prompts: items.map(({ task, question, options, context }) =>
      renderPrompt(taskOf(task), { question, options: toOptions(options), context }),
    ),
  };
}

export const judgeRequest = z.strictObject({
  items: z.array(
    z.strictObject({
      task: z.string(),
      question: z.string(),
      reference: z.string(),
      candidate: z.string(),
    }),
  ),
});

/** What an LLM judge gets, by item; null where the label decides. */
export function judgePrompts({ items }: z.infer<typeof judgeRequest>): {
  prompts: (ChatMessage[] | null)[];
} {
  return {
    prompts: items.map(({ task, question, reference, candidate }) =>
      judgePrompt(taskOf(task), question, reference, candidate),
    ),
  };
}

export const verdictRequest = z.strictObject({ texts: z.array(z.string()) });

/** What an LLM judge said, by text; null where it gave no verdict that can be read. */
export function verdicts({ texts }: z.infer<typeof verdictRequest>): {
  verdicts: (boolean | null)[];
} {
  return { verdicts: texts.map(readVerdict) };
}

export const parseRequest = z.strictObject({
  items: z.array(
    z.strictObject({
      task: z.string(),
      options,
      texts: z.array(z.string()),
      /** The right label; null: unknown, and nothing is right. */
      gold: z.string().nullable(),
    }),
  ),
});

/** Answers of candidates: by item, by text. */
export function parse({ items }: z.infer<typeof parseRequest>) {
  return {
    items: items.map(({ task, options, texts, gold }) => {
      const spec = taskOf(task);
      const list = toOptions(options);
      return texts.map((text) => {
        const { label, how } = parseAnswer(spec, list, text);
        return { label, how, right: gold !== null && isCorrect(label, gold) };
      });
    }),
  };
}

export const ownQuestionRequest = z.strictObject({
  items: z.array(z.tuple([z.string(), z.string().nullable()])),
});

/** Questions without the context that they may repeat. */
export function ownQuestions({ items }: z.infer<typeof ownQuestionRequest>) {
  return { questions: items.map(([question, context]) => ownQuestion(question, context ?? "")) };
}

export const setTaskRequest = z.strictObject({ sets: z.array(z.string()) });

/** Tasks that sets' names tell, empty where they tell none. */
export function setTasks({ sets }: z.infer<typeof setTaskRequest>) {
  return { tasks: sets.map(taskOfSet) };
}

export const candidatesRequest = z.strictObject({
  /** Name of the set, which may tell the task. */
  set: z.string(),
  /** `where`: file and line, for errors. `raw`: the line, decoded. */
  rows: z.array(z.strictObject({ where: z.string(), raw: z.unknown() })),
});

/** Lines of a candidate file as the service understands them; candidates' texts are not repeated. By row, or its fault. */
export function candidates({ set, rows }: z.infer<typeof candidatesRequest>) {
  return {
    rows: rows.map(({ where, raw }) => {
      try {
        return { row: labelled(raw, set, where) };
      } catch (error) {
        if (!(error instanceof CoreFault)) throw error;
        return { error: { kind: error.kind, message: error.message } };
      }
    }),
  };
}

function labelled(raw: unknown, set: string, where: string) {
  const { question, task, gold, candidates } = readRow(raw, set, where);
  return {
    question: question.question,
    options: question.options.map(({ label, text }) => [label, text] as const),
    closed: labelKind(question.options) === "closed",
    context: readByAdapter(question),
    unseen: isEvidenceUnseen(question),
    task,
    gold,
    answers: candidates.map(({ answer }) => answer),
    models: candidates.map(({ model }) => model),
  };
}

function taskOf(id: string): TaskSpec {
  const task = taskById(id);
  if (task === null) throw new CoreFault("unknown_task", "field task is none of the registry's");
  return task;
}
