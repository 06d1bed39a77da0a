/** `POST /v1/responses`: a drop-in for OpenAI's clients as far as text goes; a chat in another form (request.ts). */
import { createRoute, type RouteHandler } from "@hono/zod-openapi";
import { readModel } from "../answer/ask.ts";
import { answerParts, type Include } from "../answer/body.ts";
import { readChat } from "../answer/chatQuestion.ts";
import { noticesFor } from "../answer/emergencyNotice.ts";
import { figureHeaders, figuresOf, withFigures } from "../answer/headers.ts";
import { wholeAnswer } from "../answer/run.ts";
import { EVENT_STREAM } from "../answer/schema.ts";
import type { AppEnv } from "../config/parts.ts";
import { answerHeaders, idempotencyKey, problemResponses } from "../http/schema.ts";
import { begunResponse, endedResponse, outputMessage, outputOf } from "./body.ts";
import { lastInput, toChat, withOwnNames } from "./request.ts";
import { ResponseObject, ResponseRequest, ResponseStream } from "./schema.ts";
import { streamResponse } from "./stream.ts";

export const responsesRoute = createRoute({
  method: "post",
  path: "/v1/responses",
  tags: ["Answers"],
  summary: "OpenAI's responses, as far as text goes: the last message is the question",
  request: {
    headers: idempotencyKey,
    body: { required: true, content: { "application/json": { schema: ResponseRequest } } },
  },
  responses: {
    200: {
      description: "The best candidate; details under `medadapter`",
      headers: { ...answerHeaders, ...figureHeaders },
      content: {
        "application/json": { schema: ResponseObject },
        [EVENT_STREAM]: { schema: ResponseStream },
      },
    },
    ...problemResponses,
  },
});

const INCLUDE: Include = ["candidates", "texts"];

export const postResponse: RouteHandler<typeof responsesRoute, AppEnv> = async (c) => {
  const body = c.req.valid("json");
  const { config } = c.get("parts");
  const notices = noticesFor(c, lastInput(body));
  const chat = toChat(body, readModel(body.model, config).model);
  const read = await withOwnNames(readChat(chat, c.get("parts"), c.get("caller")));
  const ask = { ...read, questionField: "input" };
  const id = c.get("requestId").slice("req_".length);
  const begun = begunResponse(id, ask.model, body);
  if (body.stream === true) {
    const candidates = body.medadapter?.events === true;
    return streamResponse(c, ask, { id, begun, notices, include: INCLUDE, candidates });
  }
  const outcome = await wholeAnswer(c, ask);
  // It has the form of the first answer, which its type does not tell.
  if (outcome instanceof Response) return (await withFigures(outcome)) as never;
  const output = outputOf(outcome, config.abstainedText, notices);
  const status = output.cutBy === null ? "completed" : "incomplete";
  const medadapter = answerParts(outcome, { notices, include: INCLUDE, currency: config.currency });
  const message = outputMessage(id, status, output.text);
  const response = endedResponse(begun, message, output, outcome, medadapter);
  return c.json(response, 200, figuresOf(medadapter));
};
