/** `POST /v1/answer`: what goes in, what comes out, whole or as a stream. Of a stream one event's data is described. */
import { z } from "@hono/zod-openapi";
import { OpenAIError } from "../http/schema.ts";
import { K_STOPS } from "../plans/schedule.ts";
import {
  AbstainRule,
  AdapterName,
  Bounds,
  ContextText,
  EvidenceText,
  K,
  MaxK,
  Options,
  QuestionText,
  Sampling,
  ServingAdapter,
  Store,
  StrategyName,
  TaskId,
} from "./fields.ts";
import { EscalationSchema, LlmUsageSchema, PlanParts } from "./planBody.ts";

export const AnswerRequest = z
  .strictObject({
    question: QuestionText,
    options: Options.nullish(),
    context: ContextText.nullish(),
    evidence: EvidenceText.nullish(),
    task: TaskId.nullish(),
    k: K.optional(),
    max_k: MaxK.nullish(),
    strategy: StrategyName.nullish(),
    adapter: AdapterName.nullish(),
    model: z.string().min(1).max(256).nullish(),
    temperature: Sampling.temperature.nullish(),
    top_p: Sampling.top_p.nullish(),
    max_tokens: Sampling.max_tokens.optional(),
    seed: Sampling.seed.nullish(),
    reasoning_effort: Sampling.reasoning_effort.nullish(),
    abstain: AbstainRule.nullish(),
    max_cost: Bounds.max_cost.nullish(),
    allow_llms: Bounds.allow_llms.nullish(),
    forbid_llms: Bounds.forbid_llms.nullish(),
    stages: Bounds.stages.nullish(),
    store: Store.nullish(),
    include: z
      .array(z.enum(["candidates", "texts"]))
      .max(2)
      .default(["candidates", "texts"])
      .openapi({ description: "`candidates`: their list; `texts`: their texts in it." }),
  })
  .openapi("AnswerRequest");

export const AnswerCandidate = z
  .object({
    index: z.int().openapi({ description: "Its number, from 0." }),
    llm: z.string().openapi({ description: "Who wrote it." }),
    stage: z.int().openapi({ description: "In which stage of the plan, from 1." }),
    rank: z.int().openapi({ description: "Its place, from 1." }),
    answer: z.string().nullable().openapi({ description: "The label it gives, if any." }),
    score: z.number().nullable().openapi({ description: "The adapter's raw logit." }),
    probability: z
      .number()
      .nullable()
      .openapi({ description: "That this candidate is right: calibrated where the adapter is." }),
    text: z.string().optional(),
    truncated: z.boolean().openapi({ description: "Cut in its middle for the adapter." }),
    finish_reason: z.enum(["stop", "length", "content_filter", "other"]),
    state: z.enum(["complete", "cut", "empty"]),
    cut_reason: z.enum(["token_limit", "content_filter", "thinking"]).nullable().openapi({
      description:
        "Why it is cut. `thinking`: the LLM wrote nothing but thinking, which is no text and has no vote.",
    }),
    arrived_ms: z.number().openapi({ description: "From the start until it was there whole." }),
    scored_ms: z.number().nullable().openapi({ description: "From the start until its score." }),
  })
  .openapi("AnswerCandidate");

/** What answers of `/v1/answer` and of chat completions have in common. */
export const AnswerParts = {
  answer: z.string().nullable().openapi({
    description:
      "The chosen option's label, or the text; null if abstained or nothing could be read.",
  }),
  confidence: z.number().nullable().openapi({ description: "That the answer is right, 0 to 1." }),
  confidence_reason: z.string().nullable().openapi({ description: "Why there is no confidence." }),
  abstained: z.boolean(),
  abstained_reason: z.string().nullable(),
  language_not_validated: z.boolean().openapi({
    description:
      "The question or most candidates are not English, as far as a short look tells. Answers are read and counted as ever; scores are validated on English alone, so there is no confidence.",
  }),
  degraded: z.boolean().openapi({ description: "No scores: the majority vote answered." }),
  degraded_reason: z.string().nullable(),
  strategy: z.string(),
  task: z.string(),
  adapter: ServingAdapter.nullable(),
  candidates: z.array(AnswerCandidate).optional(),
  k: z.int().openapi({ description: "Candidates asked for: what `auto` came to." }),
  k_stopped: z.enum(K_STOPS).nullable().openapi({
    description:
      "Why `auto` asked for no more; null where `k` was a number. `no_rule`: this adapter has no stopping rule, so all `max_k` were spent. `degraded`: no scores, so likewise.",
  }),
  failed: z
    .array(z.object({ reason: z.string(), count: z.int() }))
    .openapi({ description: "Candidates that did not come, and why." }),
  votes: z
    .array(
      z.object({
        answer: z.string(),
        count: z.int(),
        by_llm: z.record(z.string(), z.int()).openapi({ description: "Its votes by LLM." }),
      }),
    )
    .openapi({ description: "Of all candidates that gave an answer." }),
  ...PlanParts,
  truncated: z.boolean().openapi({ description: "The context was cut for the adapter." }),
  stored: z.boolean().optional().openapi({
    description: "Where it was asked with `store: true`: whether it is kept.",
  }),
  ignored: z.array(z.string()).optional().openapi({
    description: "Parameters that the LLM does not take: they had no effect.",
  }),
  timing: z.object({
    total_ms: z.number(),
    llm_ms: z.number().openapi({ description: "Until the LLM's last candidate was there." }),
    prefix_ms: z.number().nullable().openapi({
      description: "Until the question was encoded, from the start: hidden behind the LLM.",
    }),
    scoring_ms: z.number().openapi({ description: "Spent waiting for scores, in sum." }),
    after_llm_ms: z.number().openapi({ description: "From the LLM's last byte to the answer." }),
  }),
  notice: z.string(),
  urgent: z.boolean().openapi({
    description: "The question tells of an emergency or of self-harm, as far as a short list sees.",
  }),
  urgent_text: z.string().nullable().openapi({
    description: "To be shown first; the text of the answer begins with it too.",
  }),
};

export const AnswerUsage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  completion_tokens_details: z
    .object({
      reasoning_tokens: z.int().openapi({
        description: "Of the completion's tokens, those of thinking, where the LLM tells.",
      }),
    })
    .optional(),
  adapter_tokens: z.int().openapi({ description: "Tokens that the adapter read." }),
  candidates_generated: z.int().openapi({ description: "Candidates that the LLM wrote." }),
  candidates_scored: z.int(),
  llms: z.array(LlmUsageSchema).openapi({ description: "The LLMs that were asked." }),
});

export const AnswerResponse = z
  .object({
    id: z.string(),
    object: z.literal("answer"),
    model: z.string(),
    text: z.string().nullable().openapi({ description: "The chosen candidate's text." }),
    ...AnswerParts,
    usage: AnswerUsage,
  })
  .openapi("Answer");

export type AnswerBody = z.infer<typeof AnswerResponse>;

export const EVENT_STREAM = "text/event-stream";

const envelope = { id: z.string(), created: z.int(), model: z.string() };

export const CandidateEvent = z
  .object({
    ...envelope,
    object: z.literal("medadapter.candidate"),
    choices: z.array(z.unknown()).max(0),
    ...AnswerCandidate.omit({ rank: true }).shape,
    leader: z
      .object({ index: z.int().nullable(), answer: z.string().nullable() })
      .openapi({ description: "What would be chosen if no more candidates came." }),
    votes: z.array(z.object({ answer: z.string(), count: z.int() })),
  })
  .openapi("CandidateEvent", { description: "`event: candidate`, when a candidate is scored." });

export const EscalationEvent = z
  .object({
    ...envelope,
    object: z.literal("medadapter.escalation"),
    choices: z.array(z.unknown()).max(0),
    ...EscalationSchema.shape,
    llms: z.array(z.string()).openapi({ description: "The LLMs that are asked now." }),
  })
  .openapi("EscalationEvent", {
    description: "`event: escalation`, when a further stage of the plan is entered.",
  });

/** What chunks of all streams have in common. */
export const chunk = {
  ...envelope,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({
        role: z.literal("assistant").optional(),
        content: z.string().optional(),
      }),
      logprobs: z.null(),
      finish_reason: z.enum(["stop", "length", "content_filter"]).nullable(),
    }),
  ),
};

const AnswerChunk = z
  .object({ ...chunk, medadapter: AnswerResponse.optional() })
  .openapi("AnswerChunk", {
    description:
      "A part of the chosen text. The last, `event: answer`, carries the whole answer in `medadapter`.",
  });

export const ErrorEvent = z
  .object({ error: OpenAIError })
  .openapi("ErrorEvent", { description: "`event: error`: a fault after the headers; the last." });

export const STREAM =
  "Server-sent events; comments (`: keep-alive`) while nothing else is sent; `data: [DONE]` at the end.";

export const AnswerStream = z
  .union([CandidateEvent, EscalationEvent, AnswerChunk, ErrorEvent])
  .openapi("AnswerStream", { description: STREAM });
