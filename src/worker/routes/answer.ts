/** `POST /v1/answer`: the native call. One question in, a ranked answer out. */
import { createRoute, type RouteHandler } from "@hono/zod-openapi";
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { careFor } from "../care.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import { AnswerRequest, AnswerResponse } from "../schemas/answer.ts";
import { answerHeaders, idempotencyKey } from "../schemas/headers.ts";
import { problemResponses } from "../schemas/problem.ts";
import { AnswerStream, EVENT_STREAM } from "../schemas/stream.ts";
import { streamAnswer } from "../stream/streamAnswer.ts";
import type { AppEnv } from "../wiring/parts.ts";
import { readAnswerAsk, wholeBody } from "./answerAsk.ts";
import { wholeAnswer } from "./wholeAnswer.ts";

export const answerRoute = createRoute({
  method: "post",
  path: "/v1/answer",
  tags: ["Answers"],
  summary: "Answer a question: K candidates from the LLM, ranked by the adapter",
  request: {
    headers: idempotencyKey,
    body: { required: true, content: { "application/json": { schema: AnswerRequest } } },
  },
  responses: {
    200: {
      description: "The answer, or an abstention",
      headers: answerHeaders,
      content: {
        "application/json": { schema: AnswerResponse },
        [EVENT_STREAM]: { schema: AnswerStream },
      },
    },
    ...problemResponses,
  },
});

export const postAnswer: RouteHandler<typeof answerRoute, AppEnv> = async (c) => {
  const body = c.req.valid("json");
  const care = careFor(c, body.question);
  const ask = await readAnswerAsk(body, c.get("parts"), c.get("caller"));
  const id = c.get("requestId");
  const whole = (outcome: Outcome) => wholeBody(id, outcome, care, body.include);
  if (answerForm(c) !== null) {
    return streamAnswer(c, ask, {
      id,
      n: 1,
      care,
      candidates: body.include,
      usage: false,
      finalName: "answer",
      medadapter: whole,
    });
  }
  return c.json(whole(await wholeAnswer(c, ask)), 200);
};

/** By the Accept header: a stream, or null for JSON. */
export function answerForm(c: Context<AppEnv>): typeof EVENT_STREAM | null {
  const supports = ["application/json", EVENT_STREAM];
  const config = { header: "Accept", supports, default: "application/json" } as const;
  return accepts(c, config) === EVENT_STREAM ? EVENT_STREAM : null;
}
