/**
 * Requests and answers of scripts/core.ts. A request is an object with `op`, the operation's name, beside the operation's
 * own fields; the answer is `{"result": ...}` or `{"error": {kind, message}}`, whose message never holds content.
 */
import type { z } from "zod";
import { completion, completionRequest } from "./completion.ts";
import { CoreFault } from "./fault.ts";
import {
  planDecide,
  planDecideRequest,
  planDesign,
  planDesignRequest,
  planRead,
  planReadRequest,
} from "./plans.ts";
import * as questions from "./questions.ts";
import { constants, curveAll, curveRequest, selectAll, selectRequest } from "./selection.ts";

type Operation = (fields: unknown) => unknown;

const operations: Readonly<Record<string, Operation>> = {
  tasks: checked(questions.noFields, questions.tasks),
  prompt: checked(questions.promptRequest, questions.prompts),
  judge_prompt: checked(questions.judgeRequest, questions.judgePrompts),
  parse: checked(questions.parseRequest, questions.parse),
  verdict: checked(questions.verdictRequest, questions.verdicts),
  own_question: checked(questions.ownQuestionRequest, questions.ownQuestions),
  set_task: checked(questions.setTaskRequest, questions.setTasks),
  candidates: checked(questions.candidatesRequest, questions.candidates),
  completion: checked(completionRequest, completion),
  constants: checked(questions.noFields, constants),
  select: checked(selectRequest, selectAll),
  curve: checked(curveRequest, curveAll),
  plan_read: checked(planReadRequest, planRead),
  plan_design: checked(planDesignRequest, planDesign),
  plan_decide: checked(planDecideRequest, planDecide),
  // The engine and a local workerd are loaded by those alone who score.
  score: async (fields) => {
    const { score, scoreRequest } = await import("./scoring/score.ts");
    return checked(scoreRequest, score)(fields);
  },
};

/** The line that answers a line; it never throws. */
export async function answer(line: string): Promise<string> {
  try {
    const { op, ...fields } = readRequest(line);
    const operation =
      typeof op === "string" && Object.hasOwn(operations, op) ? operations[op] : undefined;
    if (operation === undefined) throw new CoreFault("bad_request", "field op is no operation");
    return JSON.stringify({ result: await operation(fields) });
  } catch (error) {
    return JSON.stringify({ error: described(error) });
  }
}

function readRequest(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new CoreFault("bad_request", "the line is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CoreFault("bad_request", "the line is not an object");
  }
  return value as Record<string, unknown>;
}

/** The operation behind its schema. A refusal names the first field that does not fit. */
function checked<Schema extends z.ZodType>(
  schema: Schema,
  work: (request: z.infer<Schema>) => unknown,
): Operation {
  return (fields) => {
    const parsed = schema.safeParse(fields);
    if (parsed.success) return work(parsed.data);
    const path = parsed.error.issues[0]?.path.map(String).join(".") ?? "";
    throw new CoreFault("bad_request", `field ${path || "(the whole)"} is not as it has to be`);
  };
}

/** An error of ours by its place in the code: its message might repeat what it was about. */
function described(error: unknown): { kind: string; message: string } {
  if (error instanceof CoreFault) return { kind: error.kind, message: error.message };
  const frames = error instanceof Error ? (error.stack ?? "").split("\n") : [];
  const at = frames.find((frame) => /^\s+at /.test(frame))?.trim() ?? "somewhere";
  return { kind: "internal", message: `the core failed ${at}` };
}
