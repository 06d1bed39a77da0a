/** From OpenAI's Responses to a chat, which is what it asks for: one reading of questions, one pipeline. */
import type { ChatBody } from "../answer/chatSchema.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import type { ResponseBody } from "./schema.ts";

/** The same request as a chat. Throws `Problem` naming what is not supported. */
export function toChat(body: ResponseBody, model: string): ChatBody {
  refuseUnsupported(body);
  const { instructions, input, temperature, top_p, user, medadapter, max_output_tokens } = body;
  const system = instructions?.trim() ? [{ role: "system" as const, content: instructions }] : [];
  const asked =
    typeof input === "string" ? [{ role: "user" as const, content: input }] : input.map(toMessage);
  return {
    model,
    messages: [...system, ...asked],
    temperature,
    top_p,
    user,
    medadapter,
    max_completion_tokens: max_output_tokens,
    reasoning_effort: body.reasoning?.effort,
  };
}

type Item = Exclude<ResponseBody["input"], string>[number];

function toMessage({ type, role, content }: Item, at: number): ChatBody["messages"][number] {
  const field = `input[${at}]`;
  if (type != null && type !== "message") {
    throw fieldProblem("unsupported_parameter", `${field}.type`);
  }
  if (role == null) throw fieldProblem("invalid_request", `${field}.role`, "is required");
  const parts = typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
  const texts = parts.map((part, i) => {
    if (TEXTS.includes(part.type) && part.text !== undefined) return part.text;
    throw fieldProblem("unsupported_parameter", `${field}.content[${i}].type`);
  });
  return { role, content: texts.join("\n") };
}

/** What a part of text may be called: what a user says, what an assistant said, and what chats call it. */
const TEXTS = ["input_text", "output_text", "text"];

/** Whatever text the question holds, before anything is refused. */
export function lastInput({ input }: ResponseBody): string {
  if (typeof input === "string") return input;
  const content = input.at(-1)?.content ?? "";
  return typeof content === "string" ? content : content.map((part) => part.text ?? "").join("\n");
}

/** Encrypted thinking is asked for by habit; here is none, and nothing is lost. */
const IDLE_INCLUDES = ["reasoning.encrypted_content"];

function refuseUnsupported(body: ResponseBody): void {
  const { text, tool_choice: choice, include } = body;
  const set: Record<string, boolean> = {
    tools: isSet(body.tools),
    tool_choice: isSet(choice) && choice !== "none" && choice !== "auto",
    previous_response_id: isSet(body.previous_response_id),
    conversation: isSet(body.conversation),
    background: isSet(body.background),
    store: isSet(body.store),
    prompt: isSet(body.prompt),
    include: isSet(include) && !(Array.isArray(include) && include.every(isIdle)),
    top_logprobs: isSet(body.top_logprobs),
    "text.format": isSet(text) && !isPlainText(text),
  };
  const field = Object.keys(set).find((name) => set[name]);
  if (field !== undefined) throw fieldProblem("unsupported_parameter", field);
}

const isIdle = (name: unknown) => typeof name === "string" && IDLE_INCLUDES.includes(name);

/** `text` without a format, or with that of plain text. */
function isPlainText(text: unknown): boolean {
  if (typeof text !== "object" || text === null) return false;
  const format = "format" in text ? text.format : null;
  if (format === null || format === undefined) return true;
  return typeof format === "object" && "type" in format && format.type === "text";
}

function isSet(value: unknown): boolean {
  const emptyList = Array.isArray(value) && value.length === 0;
  return value !== undefined && value !== null && value !== false && value !== 0 && !emptyList;
}

/** Fields of a chat by what they are called here. */
const NAMES: Readonly<Record<string, string>> = {
  messages: "input",
  max_completion_tokens: "max_output_tokens",
  reasoning_effort: "reasoning.effort",
};

/** Runs the reading of a chat; a problem that it throws names the fields of this route. */
export async function withOwnNames<Value>(reading: Promise<Value>): Promise<Value> {
  return reading.catch((thrown: unknown) => {
    if (!(thrown instanceof Problem) || thrown.details.fields === undefined) throw thrown;
    const fields = thrown.details.fields.map((one) => ({
      ...one,
      field: NAMES[one.field] ?? one.field,
    }));
    throw new Problem({ kind: thrown.kind, row: thrown.row }, { ...thrown.details, fields });
  });
}
