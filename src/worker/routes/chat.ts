/** `POST /v1/chat/completions`: a drop-in for OpenAI's clients; the n best of K, ranked. Not streaming yet. */
import { createRoute, type RouteHandler } from "@hono/zod-openapi";
import type { AppEnv } from "../parts.ts";
import type { Outcome, RankedCandidate } from "../pipeline/outcome.ts";
import { ChatRequest, ChatResponse } from "../schemas/chat.ts";
import { problemResponses } from "../schemas/problem.ts";
import { answerParts } from "./answerBody.ts";
import { readChat } from "./chatQuestion.ts";
import { wholeAnswer } from "./wholeAnswer.ts";

export const chatRoute = createRoute({
  method: "post",
  path: "/v1/chat/completions",
  summary: "OpenAI's chat completions: the last user message is the question",
  request: { body: { required: true, content: { "application/json": { schema: ChatRequest } } } },
  responses: {
    200: {
      description: "The n best candidates, ranked; details under `medadapter`",
      content: { "application/json": { schema: ChatResponse } },
    },
    ...problemResponses,
  },
});

export const postChat: RouteHandler<typeof chatRoute, AppEnv> = async (c) => {
  const body = c.req.valid("json");
  const { config } = c.get("parts");
  const outcome = await wholeAnswer(c, readChat(body, config));
  const parts = answerParts(outcome, config.notice, ["candidates", "texts"]);
  const { prompt_tokens, completion_tokens, total_tokens } = parts.usage;
  return c.json(
    {
      id: `chatcmpl-${c.get("requestId").slice("req_".length)}`,
      object: "chat.completion" as const,
      created: Math.floor(Date.now() / 1000),
      model: outcome.ask.model,
      choices: choicesOf(outcome, body.n ?? 1, config.abstainedText),
      usage: { prompt_tokens, completion_tokens, total_tokens },
      medadapter: parts,
    },
    200,
  );
};

function choicesOf(outcome: Outcome, n: number, abstainedText: string) {
  if (outcome.chosen === null) return [choice(0, abstainedText, "stop")];
  return outcome.candidates
    .filter(({ state }) => state !== "empty")
    .slice(0, n)
    .map(({ text, finishReason }, at) => choice(at, text, finishReason));
}

function choice(index: number, content: string, reason: RankedCandidate["finishReason"]) {
  return {
    index,
    message: { role: "assistant" as const, content, refusal: null },
    logprobs: null,
    finish_reason: reason === "other" ? ("stop" as const) : reason,
  };
}
