/** An outcome as OpenAI's Response: whole, or as it is before there is one. */
import { choicesOf } from "../answer/body.ts";
import type { Notices } from "../answer/emergencyNotice.ts";
import type { Outcome } from "../answer/outcome.ts";
import type { ResponseBody, ResponseObject } from "./schema.ts";

type OutputMessage = ResponseObject["output"][number];

/** The response before the LLM has written: nothing in it, and everything that was asked for. */
export function begunResponse(id: string, model: string, body: ResponseBody): ResponseObject {
  return {
    id: `resp_${id}`,
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    status: "in_progress",
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
    store: false,
    temperature: body.temperature ?? null,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [],
    top_p: body.top_p ?? null,
    truncation: "disabled",
    usage: null,
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}

/** What the outcome comes to: its text, and whether the LLM had ended it. */
export interface OutputText {
  readonly text: string;
  /** Null: it is whole. */
  readonly cutBy: "max_output_tokens" | "content_filter" | null;
}

/** The best candidate's text, or the sentence where the service abstained; the urgent text first. */
export function outputOf(outcome: Outcome, abstainedText: string, notices: Notices): OutputText {
  const [best] = choicesOf(outcome, 1, abstainedText, notices);
  const reasons = {
    stop: null,
    length: "max_output_tokens",
    content_filter: "content_filter",
  } as const;
  return { text: best?.content ?? "", cutBy: reasons[best?.finishReason ?? "stop"] };
}

export function outputPart(text: string): OutputMessage["content"][number] {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

/** @param text null: none yet */
export function outputMessage(
  id: string,
  status: OutputMessage["status"],
  text: string | null,
): OutputMessage {
  const content = text === null ? [] : [outputPart(text)];
  return { id: `msg_${id}`, type: "message", status, role: "assistant", content };
}

/** @param medadapter what led to it */
export function endedResponse(
  begun: ResponseObject,
  message: OutputMessage,
  { cutBy }: OutputText,
  { usage: { promptTokens, completionTokens, reasoningTokens } }: Outcome,
  medadapter: NonNullable<ResponseObject["medadapter"]>,
): ResponseObject {
  return {
    ...begun,
    status: cutBy === null ? "completed" : "incomplete",
    incomplete_details: cutBy === null ? null : { reason: cutBy },
    output: [message],
    usage: {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: completionTokens,
      output_tokens_details: { reasoning_tokens: reasoningTokens ?? 0 },
      total_tokens: promptTokens + completionTokens,
    },
    medadapter,
  };
}
