/**
 * `/v1/feedback`: an answer's id and exactly one verdict on it; the deletion of a stored answer; and the file that
 * training reads.
 */
import { createRoute, type OpenAPIHono, type RouteHandler, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { except } from "hono/combine";
import { needs } from "../access/authenticate.ts";
import type { Caller } from "../access/caller.ts";
import type { AppEnv } from "../config/parts.ts";
import { JSONL, jsonLinesResponse } from "../http/eventStream.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import { idempotencyKey, keepingRefusals, keptHeaders, problemResponses } from "../http/schema.ts";
import { idempotent } from "../ledger/middleware.ts";
import { feedbackProblems } from "./feature.ts";
import { feedbackId, trainingLine } from "./keeping.ts";
import { type FeedbackRecord, FeedbackStore, type Verdict } from "./store.ts";

export const FeedbackRequest = z
  .strictObject({
    id: z.string().min(1).max(128).openapi({ description: "The answer's `id`." }),
    correct: z.boolean().optional().openapi({ description: "Whether the chosen answer is right." }),
    gold: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .openapi({ description: "The right option's label." }),
    rating: z.int().min(1).max(5).optional().openapi({ description: "Of the chosen answer." }),
  })
  .refine(({ correct, gold, rating }) => given(correct, gold, rating) === 1, {
    message: "must have exactly one of correct, gold, rating",
  })
  .openapi("FeedbackRequest");

export type FeedbackRequest = z.infer<typeof FeedbackRequest>;

export const FeedbackBody = z
  .object({
    id: z.string(),
    object: z.literal("feedback"),
    trusted: z.boolean().openapi({
      description: "Whether training will believe it: the key has the scope `feedback:trusted`.",
    }),
  })
  .openapi("Feedback");

function given(...values: readonly unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}

const tags = ["Feedback"];

const feedbackRoute = createRoute({
  method: "post",
  path: "/v1/feedback",
  tags,
  summary: "Say how an answer turned out that was asked for with `store: true`",
  request: {
    headers: idempotencyKey,
    body: { required: true, content: { "application/json": { schema: FeedbackRequest } } },
  },
  responses: {
    200: {
      description: "Joined to the stored answer; a later one replaces it",
      headers: keptHeaders,
      content: { "application/json": { schema: FeedbackBody } },
    },
    ...keepingRefusals,
    404: problemResponses[404],
    409: {
      ...problemResponses[409],
      description: "A trusted outcome is known already, or the Idempotency-Key still runs",
    },
    408: problemResponses[408],
    413: problemResponses[413],
    415: problemResponses[415],
    422: problemResponses[422],
  },
});

const deleteFeedbackRoute = createRoute({
  method: "delete",
  path: "/v1/feedback/{id}",
  tags,
  summary: "Delete a stored answer and its outcome",
  request: { params: z.object({ id: z.string().min(1).max(128) }) },
  responses: {
    200: {
      description: "Deleted",
      content: {
        "application/json": {
          schema: z.object({
            id: z.string(),
            object: z.literal("feedback"),
            deleted: z.literal(true),
          }),
        },
      },
    },
    ...keepingRefusals,
    404: problemResponses[404],
    409: {
      ...problemResponses[409],
      description: "Its outcome is trusted: only a key with `feedback:trusted` deletes it",
    },
  },
});

const exportFeedbackRoute = createRoute({
  method: "get",
  path: "/v1/feedback/export",
  tags,
  summary: "The tenant's stored answers that have an outcome, as training reads them",
  responses: {
    200: { description: "A line for each", content: { [JSONL]: { schema: z.string() } } },
    ...keepingRefusals,
  },
});

const postFeedback: RouteHandler<typeof feedbackRoute, AppEnv> = async (c) => {
  const { id, ...verdict } = c.req.valid("json");
  const name = feedbackId(id);
  if (name === null) throw new Problem(feedbackProblems.feedback_unknown);
  const caller = c.get("caller");
  const trusted = caller.scopes.includes("feedback:trusted");
  const store = await storeOf(c);
  const joined = await store.update(name, (record) => {
    if (!mayTouch(caller, record)) throw new Problem(feedbackProblems.feedback_unknown);
    if (record.trusted && !trusted) throw new Problem(feedbackProblems.feedback_settled);
    return { ...record, outcome: readVerdict(verdict, record), trusted };
  });
  if (joined === null) throw new Problem(feedbackProblems.feedback_unknown);
  return c.json({ id, object: "feedback" as const, trusted }, 200);
};

const deleteFeedback: RouteHandler<typeof deleteFeedbackRoute, AppEnv> = async (c) => {
  const { id } = c.req.valid("param");
  const name = feedbackId(id);
  const store = await storeOf(c);
  const record = name === null ? null : await store.get(name);
  if (name === null || record === null || !mayTouch(c.get("caller"), record)) {
    throw new Problem(feedbackProblems.feedback_unknown);
  }
  if (record.trusted && !c.get("caller").scopes.includes("feedback:trusted")) {
    throw new Problem(feedbackProblems.feedback_settled);
  }
  await store.remove(name);
  return c.json({ id, object: "feedback" as const, deleted: true as const }, 200);
};

const exportFeedback: RouteHandler<typeof exportFeedbackRoute, AppEnv> = async (c) =>
  jsonLinesResponse(c, exported(await storeOf(c), c.get("caller").tenant));

async function* exported(store: FeedbackStore, tenant: string): AsyncGenerator<Uint8Array, void> {
  const utf8 = new TextEncoder();
  for await (const record of store.all()) {
    if (record.outcome === null) continue;
    yield utf8.encode(`${JSON.stringify(trainingLine(record, tenant))}\n`);
  }
}

async function storeOf(c: Context<AppEnv>): Promise<FeedbackStore> {
  const { content } = c.get("parts");
  if (content === null) throw new Problem("storage_unavailable");
  return FeedbackStore.of(content, c.get("caller").tenant);
}

/** A token belongs to one user of an app, and reaches only that user's answers. */
function mayTouch({ how, principal }: Caller, record: FeedbackRecord): boolean {
  return how !== "token" || record.principal === principal;
}

/** The verdict, if it fits this answer. Throws `Problem`. */
function readVerdict(given: Omit<FeedbackRequest, "id">, record: FeedbackRecord): Verdict {
  const { gold, correct, rating } = given;
  if (gold !== undefined) {
    const label = record.options.find(([one]) => one.toLowerCase() === gold.trim().toLowerCase());
    if (label === undefined) {
      throw fieldProblem("invalid_request", "gold", "must be the label of one of the options");
    }
    return { gold: label[0] };
  }
  if (record.chosen === null) {
    const field = correct === undefined ? "rating" : "correct";
    throw fieldProblem("invalid_request", field, "says nothing of an answer that abstained");
  }
  if (correct !== undefined) return { correct };
  if (rating !== undefined) return { rating };
  throw fieldProblem("invalid_request", "correct", "is required, or gold, or rating");
}

/** Adds the routes of feedback. */
export function feedbackRoutes(app: OpenAPIHono<AppEnv>): void {
  app.use("/v1/feedback/export", needs("feedback:export"));
  app.openapi(exportFeedbackRoute, exportFeedback);
  app.use("/v1/feedback/*", except("/v1/feedback/export", needs("answer"))); // `/v1/feedback` too
  app.use("/v1/feedback", idempotent());
  app.openapi(feedbackRoute, postFeedback);
  app.openapi(deleteFeedbackRoute, deleteFeedback);
}
