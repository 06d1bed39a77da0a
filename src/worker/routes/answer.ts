/** `POST /v1/answer`: the native call. One question in, a ranked answer out. */
import { createRoute, type RouteHandler } from "@hono/zod-openapi";
import { renderPrompt } from "../../tasks/prompt.ts";
import type { Config } from "../env.ts";
import type { AppEnv } from "../parts.ts";
import {
  type Ask,
  checkAdapter,
  readAbstain,
  readModel,
  readTaskAndQuestion,
} from "../pipeline/ask.ts";
import { AnswerRequest, AnswerResponse } from "../schemas/answer.ts";
import { problemResponses } from "../schemas/problem.ts";
import { toQuestion } from "../schemas/shared.ts";
import { answerParts } from "./answerBody.ts";
import { wholeAnswer } from "./wholeAnswer.ts";

export const answerRoute = createRoute({
  method: "post",
  path: "/v1/answer",
  summary: "Answer a question: K candidates from the LLM, ranked by the adapter",
  request: { body: { required: true, content: { "application/json": { schema: AnswerRequest } } } },
  responses: {
    200: {
      description: "The answer, or an abstention",
      content: { "application/json": { schema: AnswerResponse } },
    },
    ...problemResponses,
  },
});

const fields = { task: "task", options: "options", context: "context" };

export const postAnswer: RouteHandler<typeof answerRoute, AppEnv> = async (c) => {
  const body = c.req.valid("json");
  const { config } = c.get("parts");
  const outcome = await wholeAnswer(c, readAsk(body, config));
  return c.json(
    {
      id: c.get("requestId"),
      object: "answer" as const,
      model: outcome.ask.model,
      text: outcome.chosen?.text ?? null,
      ...answerParts(outcome, config.notice, body.include),
    },
    200,
  );
};

function readAsk(body: ReturnType<typeof AnswerRequest.parse>, config: Config): Ask {
  checkAdapter(body.adapter, "adapter", config);
  const { task, question } = readTaskAndQuestion(body.task, toQuestion(body), fields);
  return {
    task,
    question,
    questionField: "question",
    messages: renderPrompt(task, question),
    model: readModel(body.model, config),
    k: body.k,
    strategy: body.strategy ?? null,
    abstain: readAbstain(body.abstain),
    sampling: {
      maxTokens: body.max_tokens,
      ...(body.temperature == null ? {} : { temperature: body.temperature }),
      ...(body.top_p == null ? {} : { topP: body.top_p }),
      ...(body.seed == null ? {} : { seed: body.seed }),
    },
  };
}
