/** `POST /v1/responses`: OpenAI's Responses as far as text goes. What would change the answer and is not supported is refused. */
import { z } from "@hono/zod-openapi";
import { ChatExtras } from "../answer/chatSchema.ts";
import { Sampling } from "../answer/fields.ts";
import { AnswerParts, AnswerUsage, CandidateEvent, EscalationEvent } from "../answer/schema.ts";

const MAX_CHARS = 262_144;

const Part = z
  .object({
    type: z.string().max(64).openapi({ description: "`input_text`, `output_text` or `text`." }),
    text: z.string().max(MAX_CHARS).optional(),
  })
  .openapi("ResponseInputPart");

const Item = z
  .object({
    type: z.string().max(64).nullish().openapi({ description: "`message`, which is the default." }),
    role: z.enum(["user", "assistant", "system", "developer"]).nullish(),
    content: z.union([z.string().max(MAX_CHARS), z.array(Part).max(64)]).nullish(),
  })
  .openapi("ResponseInputItem");

/** OpenAI's fields that say nothing here, or are refused when set: see request.ts. */
const others = {
  tools: z.unknown().optional(),
  tool_choice: z.unknown().optional(),
  previous_response_id: z.unknown().optional(),
  conversation: z.unknown().optional(),
  background: z.unknown().optional(),
  store: z.unknown().optional(),
  prompt: z.unknown().optional(),
  include: z.unknown().optional(),
  top_logprobs: z.unknown().optional(),
  text: z.unknown().optional(),
};

export const ResponseRequest = z
  .object({
    model: z.string().min(1).max(256).nullish(),
    input: z
      .union([z.string().max(MAX_CHARS), z.array(Item).min(1).max(256)])
      .openapi({ description: "The question; or messages, the last of them the user's question." }),
    instructions: z
      .string()
      .max(MAX_CHARS)
      .nullish()
      .openapi({ description: "The LLM's system message." }),
    temperature: Sampling.temperature.nullish(),
    top_p: Sampling.top_p.nullish(),
    max_output_tokens: Sampling.max_tokens.nullish(),
    reasoning: z
      .looseObject({ effort: Sampling.reasoning_effort.nullish() })
      .nullish()
      .openapi({ description: "`effort`: how long a model that thinks may think." }),
    stream: z.boolean().nullish(),
    metadata: z
      .record(z.string().max(64), z.string().max(512))
      .refine((given) => Object.keys(given).length <= 16, "must be at most 16 entries")
      .nullish()
      .openapi({ description: "Given back as it came, and kept nowhere." }),
    user: z.string().max(256).nullish(),
    ...others,
    medadapter: ChatExtras.nullish(),
  })
  .openapi("ResponseRequest");

export type ResponseBody = z.infer<typeof ResponseRequest>;

const OutputText = z.object({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(z.unknown()).max(0),
  logprobs: z.array(z.unknown()).max(0),
});

const OutputMessage = z
  .object({
    id: z.string(),
    type: z.literal("message"),
    status: z.enum(["in_progress", "completed", "incomplete"]),
    role: z.literal("assistant"),
    content: z.array(OutputText),
  })
  .openapi("ResponseOutputMessage");

const Usage = z.object({
  input_tokens: z.int(),
  input_tokens_details: z.object({ cached_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.object({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
});

export const ResponseObject = z
  .object({
    id: z.string(),
    object: z.literal("response"),
    created_at: z.int(),
    status: z.enum(["in_progress", "completed", "incomplete", "failed"]),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z
      .object({ reason: z.enum(["max_output_tokens", "content_filter"]) })
      .nullable()
      .openapi({ description: "Why the chosen text is not whole." }),
    instructions: z.string().nullable(),
    max_output_tokens: z.int().nullable(),
    model: z.string(),
    output: z.array(OutputMessage),
    parallel_tool_calls: z.literal(true),
    previous_response_id: z.null(),
    reasoning: z.object({ effort: z.string().nullable(), summary: z.null() }),
    store: z.literal(false),
    temperature: z.number().nullable(),
    text: z.object({ format: z.object({ type: z.literal("text") }) }),
    tool_choice: z.literal("auto"),
    tools: z.array(z.unknown()).max(0),
    top_p: z.number().nullable(),
    truncation: z.literal("disabled"),
    usage: Usage.nullable(),
    user: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    medadapter: z
      .object({ ...AnswerParts, usage: AnswerUsage })
      .optional()
      .openapi({ description: "What led to the answer, as in chat completions." }),
  })
  .openapi("Response");

export type ResponseObject = z.infer<typeof ResponseObject>;

/** A type of event with its members; all have a place in the order. */
function event<Type extends string, Shape extends z.core.$ZodLooseShape>(type: Type, shape: Shape) {
  return z.object({ type: z.literal(type), sequence_number: z.int(), ...shape });
}

const whole = { response: ResponseObject };
const item = { output_index: z.int(), item: OutputMessage };
const place = { item_id: z.string(), output_index: z.int(), content_index: z.int() };
const logprobs = z.array(z.unknown()).max(0);

export const ResponseStream = z
  .union([
    event("response.created", whole),
    event("response.in_progress", whole),
    event("response.output_item.added", item),
    event("response.content_part.added", { ...place, part: OutputText }),
    event("response.output_text.delta", { ...place, delta: z.string(), logprobs }),
    event("response.output_text.done", { ...place, text: z.string(), logprobs }),
    event("response.content_part.done", { ...place, part: OutputText }),
    event("response.output_item.done", item),
    event("response.completed", whole),
    event("response.incomplete", whole),
    event("response.failed", whole),
    event("medadapter.candidate", { candidate: CandidateEvent }),
    event("medadapter.escalation", { escalation: EscalationEvent }),
  ])
  .openapi("ResponseStream", {
    description:
      "Server-sent events, each named after its `type`; comments (`: keep-alive`) while nothing else is sent. The last is `response.completed`, `response.incomplete` or `response.failed`. `medadapter.candidate` and `medadapter.escalation` come with `medadapter.events` alone.",
  });

export type ResponseEvent = z.infer<typeof ResponseStream>;
