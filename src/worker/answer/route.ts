/** `POST /v1/answer`, the native call: one question in, a ranked answer out. Lines of batches have the same bodies. */
import { createRoute, type RouteHandler } from "@hono/zod-openapi";
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { renderPrompt } from "../../tasks/prompt.ts";
import type { Caller } from "../access/caller.ts";
import { adapterOf } from "../adapters/config.ts";
import { readAdapter } from "../adapters/rollout.ts";
import type { AppEnv, Parts } from "../config/parts.ts";
import { answerHeaders, idempotencyKey, problemResponses } from "../http/schema.ts";
import { type Ask, readAbstain, readK, readPlan, readStore } from "./ask.ts";
import { answerParts, type BodyForm } from "./body.ts";
import { noticesFor, urgentFirst } from "./emergencyNotice.ts";
import { figureHeaders, figuresOf, withFigures } from "./headers.ts";
import type { Outcome } from "./outcome.ts";
import { readTaskAndQuestion, toQuestion } from "./question.ts";
import { wholeAnswer } from "./run.ts";
import { readSampling } from "./sampling.ts";
import {
  type AnswerBody,
  AnswerRequest,
  AnswerResponse,
  AnswerStream,
  EVENT_STREAM,
} from "./schema.ts";
import { streamAnswer } from "./stream.ts";

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
      headers: { ...answerHeaders, ...figureHeaders },
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
  const notices = noticesFor(c, body.question);
  const ask = await readAnswerAsk(body, c.get("parts"), c.get("caller"));
  const id = c.get("requestId");
  const { currency } = c.get("parts").config;
  const form = { notices, include: body.include, currency };
  const whole = (outcome: Outcome) => wholeBody(id, outcome, form);
  if (answerForm(c) !== null) {
    return streamAnswer(c, ask, {
      id,
      n: 1,
      notices,
      candidates: body.include,
      usage: false,
      finalName: "answer",
      medadapter: whole,
    });
  }
  const outcome = await wholeAnswer(c, ask);
  // It has the form of the first answer, which its type does not tell.
  if (outcome instanceof Response) return (await withFigures(outcome)) as never;
  const answer = whole(outcome);
  return c.json(answer, 200, figuresOf(answer));
};

/** By the Accept header: a stream, or null for JSON. */
export function answerForm(c: Context<AppEnv>): typeof EVENT_STREAM | null {
  const supports = ["application/json", EVENT_STREAM];
  const config = { header: "Accept", supports, default: "application/json" } as const;
  return accepts(c, config) === EVENT_STREAM ? EVENT_STREAM : null;
}

const fields = {
  task: "task",
  options: "options",
  context: "context",
  evidence: "evidence",
};

/** What to ask the pipeline. Throws `Problem` naming the field. */
export async function readAnswerAsk(
  body: ReturnType<typeof AnswerRequest.parse>,
  parts: Pick<Parts, "config" | "rollouts" | "planFits" | "keepOutcome">,
  caller: Caller,
): Promise<Ask> {
  const { config } = parts;
  const plan = await readPlan(body.model, body, "", parts, caller);
  const usual = adapterOf(plan.bound.plan.name, config);
  const choice = await readAdapter(body.adapter, "adapter", parts, caller, usual);
  const { task, question } = readTaskAndQuestion(body.task, toQuestion(body), fields);
  return {
    task,
    question,
    questionField: "question",
    messages: renderPrompt(task, question),
    ...plan,
    ...readK(body, "", config, plan.bound),
    strategy: body.strategy ?? null,
    abstain: readAbstain(body.abstain),
    ...choice,
    store: readStore(body.store, parts),
    sampling: readSampling(body, [["max_tokens", body.max_tokens]], config),
  };
}

/** The whole answer. */
export function wholeBody(id: string, outcome: Outcome, form: BodyForm): AnswerBody {
  return {
    id,
    object: "answer",
    model: outcome.ask.model,
    text: urgentFirst(form.notices, outcome.chosen?.text ?? null),
    ...answerParts(outcome, form),
  };
}
