/** From a chat request to a question: the last user message, its options and context; what is not supported is named. */

import { questionFromText } from "../../tasks/fromText.ts";
import { renderPrompt } from "../../tasks/prompt.ts";
import type { ChatMessage, Question } from "../../tasks/question.ts";
import { taskById } from "../../tasks/registry.ts";
import type { TaskSpec } from "../../tasks/task.ts";
import type { Caller } from "../access/caller.ts";
import { adapterOf } from "../adapters/config.ts";
import { readAdapter } from "../adapters/rollout.ts";
import type { Parts } from "../config/parts.ts";
import { fieldProblem } from "../http/problems.ts";
import { type Ask, readAbstain, readK, readPlan, readStore } from "./ask.ts";
import type { ChatBody } from "./chatSchema.ts";
import { readTaskAndQuestion, toEvidence, toOptions } from "./question.ts";
import { readSampling } from "./sampling.ts";

const fields = {
  task: "medadapter.task",
  options: "medadapter.options",
  context: "medadapter.context",
  evidence: "medadapter.evidence",
};

/** What to ask the pipeline. Throws `Problem` naming the field. */
export async function readChat(
  body: ChatBody,
  parts: Pick<Parts, "config" | "rollouts" | "planFits" | "keepOutcome">,
  caller: Caller,
): Promise<Ask> {
  refuseUnsupported(body);
  const { config } = parts;
  const extras = body.medadapter ?? {};
  const plan = await readPlan(body.model, extras, "medadapter.", parts, caller);
  const usual = adapterOf(plan.bound.plan.name, config);
  const choice = await readAdapter(extras.adapter, "medadapter.adapter", parts, caller, usual);
  const n = body.n ?? 1;
  const wire = { k: extras.k, max_k: extras.max_k, n };
  const count = readK(wire, "medadapter.", config, plan.bound);
  if (n > count.k) throw fieldProblem("invalid_request", "n", "must not be more than medadapter.k");
  const messages = body.messages.map(readMessage);
  const last = messages.at(-1);
  if (last?.role !== "user" || last.content.trim() === "") {
    throw fieldProblem("invalid_request", "messages", "must end with a user message that has text");
  }
  const { task, question } = readTaskAndQuestion(
    extras.task,
    readQuestion(last.content, extras),
    fields,
  );
  return {
    task,
    question,
    questionField: "messages",
    messages: promptAfter(messages, task, question),
    ...plan,
    ...count,
    strategy: extras.strategy ?? null,
    abstain: readAbstain(extras.abstain),
    store: readStore(body.store, parts),
    ...choice,
    sampling: chatSampling(body, config),
  };
}

/**
 * The conversation that the LLM gets: the caller's system and earlier messages unchanged, then the question in its
 * task's form. The task's worked example goes before the conversation, so that answers end in a form that can be read;
 * its system message only where the caller has none. Free text is handed on as it came.
 */
function promptAfter(
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

/** What the caller says in `medadapter` stands above what the text seems to say. */
function readQuestion(text: string, extras: NonNullable<ChatBody["medadapter"]>): Question {
  const found = questionFromText(text, taskById(extras.task ?? ""));
  const context = extras.context?.toWellFormed() ?? found.context;
  const evidence = toEvidence(extras.evidence);
  if (!extras.options) return { ...found, context, ...evidence };
  // The options may stand in the text as well; then they are not a part of the question twice.
  return { question: found.question, options: toOptions(extras.options), context, ...evidence };
}

function chatSampling(body: ChatBody, config: Parts["config"]): Ask["sampling"] {
  const { user, stop } = body;
  const limits = ["max_completion_tokens", "max_tokens"] as const;
  const given = limits.map((field) => [field, body[field]] as const);
  return {
    ...readSampling(body, given, config),
    ...(user == null ? {} : { user }),
    ...(stop == null ? {} : { stop: typeof stop === "string" ? [stop] : stop }),
  };
}

/** Whatever text the last message holds, before anything is refused. */
export function lastText(messages: ChatBody["messages"]): string {
  const content = messages.at(-1)?.content ?? "";
  return typeof content === "string" ? content : content.map((part) => part.text ?? "").join("\n");
}

function readMessage(message: ChatBody["messages"][number], at: number): ChatMessage {
  const field = `messages[${at}]`;
  const { role, content } = message;
  if (role === "tool" || role === "function") {
    throw fieldProblem("unsupported_parameter", `${field}.role`);
  }
  const parts = typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
  const texts = parts.map((part, i) => {
    if (part.type === "text" && part.text !== undefined) return part.text;
    throw fieldProblem("unsupported_parameter", `${field}.content[${i}].type`);
  });
  return { role: role === "developer" ? "system" : role, content: texts.join("\n").toWellFormed() };
}

function refuseUnsupported(body: ChatBody): void {
  const { response_format: format, modalities } = body;
  const isText = typeof format === "object" && format !== null && "type" in format;
  const set: Record<string, boolean> = {
    tools: isSet(body.tools),
    tool_choice:
      isSet(body.tool_choice) && body.tool_choice !== "none" && body.tool_choice !== "auto",
    functions: isSet(body.functions),
    function_call: isSet(body.function_call) && body.function_call !== "none",
    response_format: isSet(format) && !(isText && format.type === "text"),
    logprobs: isSet(body.logprobs),
    top_logprobs: isSet(body.top_logprobs),
    modalities: isSet(modalities) && JSON.stringify(modalities) !== '["text"]',
    audio: isSet(body.audio),
  };
  const field = Object.keys(set).find((name) => set[name]);
  if (field !== undefined) throw fieldProblem("unsupported_parameter", field);
}

function isSet(value: unknown): boolean {
  const emptyList = Array.isArray(value) && value.length === 0;
  return value !== undefined && value !== null && value !== false && value !== 0 && !emptyList;
}
