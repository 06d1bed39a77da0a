/** Streams of `POST /v1/answer` and of chat completions, as `/openapi.json` describes them: one event's data. */
import { z } from "@hono/zod-openapi";
import { OpenAIError } from "../http/schema.ts";
import { ChatUsage } from "./chatSchema.ts";
import { AnswerCandidate, AnswerParts, AnswerResponse, AnswerUsage } from "./schema.ts";

export const EVENT_STREAM = "text/event-stream";

const envelope = { id: z.string(), created: z.int(), model: z.string() };

const CandidateEvent = z
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

const chunk = {
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

const ErrorEvent = z
  .object({ error: OpenAIError })
  .openapi("ErrorEvent", { description: "`event: error`: a fault after the headers; the last." });

const description =
  "Server-sent events; comments (`: keep-alive`) while nothing else is sent; `data: [DONE]` at the end.";

export const AnswerStream = z
  .union([CandidateEvent, AnswerChunk, ErrorEvent])
  .openapi("AnswerStream", { description });

export const ChatStream = z
  .union([ChatChunk, CandidateEvent, ErrorEvent])
  .openapi("ChatCompletionStream", { description });
