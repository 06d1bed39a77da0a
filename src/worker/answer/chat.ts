/** `POST /v1/chat/completions`: a drop-in for OpenAI's clients; the n best of K, ranked, whole or as a stream. */
import { createRoute, type RouteHandler } from "@hono/zod-openapi";
import type { AppEnv } from "../config/parts.ts";
import { answerHeaders, idempotencyKey, problemResponses } from "../http/schema.ts";
import { answerParts, type Choice, choicesOf, type Include, tokenUsage } from "./body.ts";
import { lastText, readChat } from "./chatQuestion.ts";
import { ChatRequest, ChatResponse, ChatStream } from "./chatSchema.ts";
import { noticesFor } from "./emergencyNotice.ts";
import { figureHeaders, figuresOf, withFigures } from "./headers.ts";
import type { Outcome } from "./outcome.ts";
import { wholeAnswer } from "./run.ts";
import { EVENT_STREAM } from "./schema.ts";
import { streamAnswer } from "./stream.ts";

export const chatRoute = createRoute({
  method: "post",
  path: "/v1/chat/completions",
  tags: ["Answers"],
  summary: "OpenAI's chat completions: the last user message is the question",
  request: {
    headers: idempotencyKey,
    body: { required: true, content: { "application/json": { schema: ChatRequest } } },
  },
  responses: {
    200: {
      description: "The n best candidates, ranked; details under `medadapter`",
      headers: { ...answerHeaders, ...figureHeaders },
      content: {
        "application/json": { schema: ChatResponse },
        [EVENT_STREAM]: { schema: ChatStream },
      },
    },
    ...problemResponses,
  },
});

export const postChat: RouteHandler<typeof chatRoute, AppEnv> = async (c) => {
  const body = c.req.valid("json");
  const { config } = c.get("parts");
  const notices = noticesFor(c, lastText(body.messages));
  const ask = await readChat(body, c.get("parts"), c.get("caller"));
  const id = `chatcmpl-${c.get("requestId").slice("req_".length)}`;
  const n = body.n ?? 1;
  const details = (outcome: Outcome) =>
    answerParts(outcome, { notices, include: INCLUDE, currency: config.currency });
  if (body.stream === true) {
    return streamAnswer(c, ask, {
      id,
      n,
      notices,
      candidates: body.medadapter?.events === true ? INCLUDE : null,
      usage: body.stream_options?.include_usage === true,
      finalName: null,
      medadapter: details,
    });
  }
  const outcome = await wholeAnswer(c, ask);
  // It has the form of the first answer, which its type does not tell.
  if (outcome instanceof Response) return (await withFigures(outcome)) as never;
  const medadapter = details(outcome);
  return c.json(
    {
      id,
      object: "chat.completion" as const,
      created: Math.floor(Date.now() / 1000),
      model: outcome.ask.model,
      choices: choicesOf(outcome, n, config.abstainedText, notices).map(wireChoice),
      usage: tokenUsage(outcome.usage),
      medadapter,
    },
    200,
    figuresOf(medadapter),
  );
};

const INCLUDE: Include = ["candidates", "texts"];

function wireChoice({ index, content, finishReason }: Choice) {
  return {
    index,
    message: { role: "assistant" as const, content, refusal: null },
    logprobs: null,
    finish_reason: finishReason,
  };
}
