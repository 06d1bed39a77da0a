/** `POST /v1/chat/completions`: OpenAI's form, tolerant of fields we do not know, and our extras in `medadapter`; the answer whole or as a stream. */
import { z } from "@hono/zod-openapi";
import { MAX_K } from "../plans/plans.ts";
import {
  AbstainRule,
  AdapterName,
  Bounds,
  ContextText,
  EvidenceText,
  K,
  MaxK,
  Options,
  Sampling,
  Store,
  StrategyName,
  TaskId,
} from "./fields.ts";
import {
  AnswerParts,
  AnswerUsage,
  CandidateEvent,
  chunk,
  ErrorEvent,
  EscalationEvent,
  STREAM,
} from "./schema.ts";

/** Fields of OpenAI's that would change the answer but are not supported: refused when set, see chatQuestion.ts. */
const unsupported = {
  tools: z.unknown().optional(),
  tool_choice: z.unknown().optional(),
  functions: z.unknown().optional(),
  function_call: z.unknown().optional(),
  response_format: z.unknown().optional(),
  logprobs: z.unknown().optional(),
  top_logprobs: z.unknown().optional(),
  modalities: z.unknown().optional(),
  audio: z.unknown().optional(),
};

const Part = z.object({ type: z.string(), text: z.string().max(262_144).optional() });

const Message = z
  .object({
    role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
    content: z.union([z.string().max(262_144), z.array(Part).max(64)]).nullish(),
  })
  .openapi("ChatMessage");

export const ChatExtras = z
  .strictObject({
    k: K.optional(),
    max_k: MaxK.nullish(),
    strategy: StrategyName.nullish(),
    options: Options.nullish(),
    context: ContextText.nullish(),
    evidence: EvidenceText.nullish(),
    task: TaskId.nullish(),
    adapter: AdapterName.nullish(),
    abstain: AbstainRule.nullish(),
    max_cost: Bounds.max_cost.nullish(),
    allow_llms: Bounds.allow_llms.nullish(),
    forbid_llms: Bounds.forbid_llms.nullish(),
    stages: Bounds.stages.nullish(),
    events: z.boolean().optional().openapi({
      description:
        "With `stream`: an event for each candidate when it is scored, and for each further stage of a plan.",
    }),
  })
  .openapi("ChatExtras");

export const ChatRequest = z
  .object({
    model: z.string().min(1).max(256),
    messages: z.array(Message).min(1).max(256),
    n: z
      .int()
      .min(1)
      .max(MAX_K)
      .nullish()
      .openapi({ description: "How many choices: the n best of medadapter.k, ranked." }),
    temperature: Sampling.temperature.nullish(),
    top_p: Sampling.top_p.nullish(),
    max_tokens: Sampling.max_tokens.nullish(),
    max_completion_tokens: Sampling.max_tokens.nullish(),
    stop: z
      .union([z.string().min(1).max(256), z.array(z.string().min(1).max(256)).max(4)])
      .nullish(),
    seed: Sampling.seed.nullish(),
    reasoning_effort: Sampling.reasoning_effort.nullish(),
    user: z.string().max(256).nullish(),
    stream: z.boolean().nullish(),
    stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
    store: Store.nullish(),
    ...unsupported,
    medadapter: ChatExtras.nullish(),
  })
  .openapi("ChatCompletionRequest");

export type ChatBody = z.infer<typeof ChatRequest>;

export const ChatUsage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  completion_tokens_details: z.object({ reasoning_tokens: z.int() }).optional(),
});

export const ChatResponse = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal("assistant"),
          content: z.string(),
          refusal: z.null(),
        }),
        logprobs: z.null(),
        finish_reason: z.enum(["stop", "length", "content_filter"]),
      }),
    ),
    usage: ChatUsage,
    medadapter: z.object({ ...AnswerParts, usage: AnswerUsage }),
  })
  .openapi("ChatCompletion");

const ChatChunk = z
  .object({
    ...chunk,
    usage: ChatUsage.nullable().optional(),
    medadapter: z.object({ ...AnswerParts, usage: AnswerUsage }).optional(),
  })
  .openapi("ChatCompletionChunk", {
    description:
      "A part of a choice. The last part of the last choice carries `medadapter`. With `stream_options.include_usage` a chunk without choices and with `usage` follows.",
  });

export const ChatStream = z
  .union([ChatChunk, CandidateEvent, EscalationEvent, ErrorEvent])
  .openapi("ChatCompletionStream", { description: STREAM });
