/** `POST /v1/answer`: the native call. One question in, a ranked answer out. */
import { createRoute, type RouteHandler } from "@hono/zod-openapi";
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { renderPrompt } from "../../tasks/prompt.ts";
import type { Caller } from "../auth/caller.ts";
import { careFor, urgentFirst } from "../care.ts";
import type { AppEnv, Parts } from "../parts.ts";
import {
  type Ask,
  readAbstain,
  readAdapter,
  readK,
  readModel,
  readTaskAndQuestion,
} from "../pipeline/ask.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import { AnswerRequest, AnswerResponse } from "../schemas/answer.ts";
import { problemResponses } from "../schemas/problem.ts";
import { toQuestion } from "../schemas/shared.ts";
import { AnswerStream, EVENT_STREAM } from "../schemas/stream.ts";
import { streamAnswer } from "../stream/streamAnswer.ts";
import { answerParts } from "./answerBody.ts";
import { wholeAnswer } from "./wholeAnswer.ts";

export const answerRoute = createRoute({
  method: "post",
  path: "/v1/answer",
  tags: ["Answers"],
  summary: "Answer a question: K candidates from the LLM, ranked by the adapter",
  request: { body: { required: true, content: { "application/json": { schema: AnswerRequest } } } },
  responses: {
    200: {
      description: "The answer, or an abstention",
      content: {
        "application/json": { schema: AnswerResponse },
        [EVENT_STREAM]: { schema: AnswerStream },
      },
    },
    ...problemResponses,
  },
});

const fields = { task: "task", options: "options", context: "context" };

export const postAnswer: RouteHandler<typeof answerRoute, AppEnv> = async (c) => {
  const body = c.req.valid("json");
  const care = careFor(c, body.question);
  const ask = await readAsk(body, c.get("parts"), c.get("caller"));
  const id = c.get("requestId");
  const whole = (outcome: Outcome) => ({
    id,
    object: "answer" as const,
    model: outcome.ask.model,
    text: urgentFirst(care, outcome.chosen?.text ?? null),
    ...answerParts(outcome, care, body.include),
  });
  if (wantsStream(c)) {
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

function wantsStream(c: Context<AppEnv>): boolean {
  const supports = ["application/json", EVENT_STREAM];
  const config = { header: "Accept", supports, default: "application/json" } as const;
  return accepts(c, config) === EVENT_STREAM;
}

async function readAsk(
  body: ReturnType<typeof AnswerRequest.parse>,
  parts: Pick<Parts, "config" | "rollout">,
  caller: Caller,
): Promise<Ask> {
  const pin = await readAdapter(body.adapter, "adapter", parts, caller);
  const { task, question } = readTaskAndQuestion(body.task, toQuestion(body), fields);
  return {
    task,
    question,
    questionField: "question",
    messages: renderPrompt(task, question),
    model: readModel(body.model, parts.config),
    ...readK(body, 1, "max_k"),
    strategy: body.strategy ?? null,
    abstain: readAbstain(body.abstain),
    pin,
    sampling: {
      maxTokens: body.max_tokens,
      ...(body.temperature == null ? {} : { temperature: body.temperature }),
      ...(body.top_p == null ? {} : { topP: body.top_p }),
      ...(body.seed == null ? {} : { seed: body.seed }),
    },
  };
}
