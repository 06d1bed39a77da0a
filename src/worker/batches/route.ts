/** `/v1/batches`: many questions in one file, answered when there is room. */
import { createRoute, type OpenAPIHono, type RouteHandler, z } from "@hono/zod-openapi";
import { needs } from "../access/authenticate.ts";
import type { AppEnv } from "../config/parts.ts";
import { JSONL } from "../http/eventStream.ts";
import { Problem } from "../http/problems.ts";
import { idempotencyKey, keepingRefusals, keptHeaders, problemResponses } from "../http/schema.ts";
import { REPLAYED } from "../ledger/idempotency.ts";
import { idempotent } from "../ledger/middleware.ts";
import { createBatch } from "./create.ts";
import {
  batchesOfCaller,
  errorsRoute,
  fileRoute,
  getErrors,
  getFile,
  getResults,
  ownBatch,
  resultsRoute,
} from "./files.ts";
import { BatchBody, BatchId, batchBody } from "./schema.ts";

const json = { "application/json": { schema: BatchBody } };
const tags = ["Batches"];
const params = z.object({ id: BatchId });

const createBatchRoute = createRoute({
  method: "post",
  path: "/v1/batches",
  tags,
  summary: "Start a batch: a line for each question",
  description:
    'The body is JSON lines, up to 50,000: bodies of `/v1/answer`, or OpenAI\'s form `{"custom_id": "...", "body": {...}}`.',
  request: {
    headers: idempotencyKey,
    body: {
      required: true,
      // JSON lines are no JSON value. Any schema would describe something that cannot be sent.
      content: { [JSONL]: { schema: z.unknown().openapi({ example: '{"question": "..."}\n' }) } },
    },
  },
  responses: {
    200: {
      description: "Taken in: its lines are being answered",
      headers: keptHeaders,
      content: json,
    },
    ...keepingRefusals,
    404: { ...problemResponses[404], description: "It was deleted while it came in" },
    409: problemResponses[409],
    408: problemResponses[408],
    413: problemResponses[413],
    415: problemResponses[415],
    422: problemResponses[422],
  },
});

const listBatchesRoute = createRoute({
  method: "get",
  path: "/v1/batches",
  tags,
  summary: "The batches, newest first",
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(20),
      after: BatchId.optional().openapi({ description: "Only those older than this one." }),
    }),
  },
  responses: {
    200: {
      description: "With a key those of the tenant, with a token its own",
      content: {
        "application/json": {
          schema: z.object({
            object: z.literal("list"),
            data: z.array(BatchBody),
            first_id: z.string().nullable(),
            last_id: z.string().nullable(),
            has_more: z.boolean(),
          }),
        },
      },
    },
    ...keepingRefusals,
  },
});

const getBatchRoute = createRoute({
  method: "get",
  path: "/v1/batches/{id}",
  tags,
  summary: "How far a batch is",
  request: { params },
  responses: {
    200: { description: "With its counts", content: json },
    ...keepingRefusals,
    404: problemResponses[404],
  },
});

const cancelBatchRoute = createRoute({
  method: "post",
  path: "/v1/batches/{id}/cancel",
  tags,
  summary: "Stop a batch and keep what is answered",
  request: { params, headers: idempotencyKey },
  responses: {
    200: { description: "No further line is begun", headers: keptHeaders, content: json },
    ...keepingRefusals,
    404: problemResponses[404],
    409: problemResponses[409],
    422: problemResponses[422],
  },
});

const deleteBatchRoute = createRoute({
  method: "delete",
  path: "/v1/batches/{id}",
  tags,
  summary: "Stop a batch and delete all that is kept of it",
  request: { params },
  responses: {
    200: {
      description: "Deleted",
      content: {
        "application/json": {
          schema: z.object({
            id: z.string(),
            object: z.literal("batch"),
            deleted: z.literal(true),
          }),
        },
      },
    },
    ...keepingRefusals,
    404: problemResponses[404],
  },
});

const postBatch: RouteHandler<typeof createBatchRoute, AppEnv> = async (c) => {
  const { batch, replayed } = await createBatch(c);
  if (replayed) c.header(...REPLAYED);
  return c.json(batchBody(batch), 200);
};

const getBatches: RouteHandler<typeof listBatchesRoute, AppEnv> = async (c) => {
  const { limit, after = null } = c.req.valid("query");
  const { how, principal } = c.get("caller");
  const found = await batchesOfCaller(c).list({
    limit: limit + 1,
    after,
    principal: how === "token" ? principal : null,
  });
  const data = found.slice(0, limit).map(batchBody);
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return c.json({ object: "list" as const, data, ...ends, has_more: found.length > limit }, 200);
};

const getBatch: RouteHandler<typeof getBatchRoute, AppEnv> = async (c) =>
  c.json(batchBody(await ownBatch(c, c.req.valid("param").id)), 200);

const cancelBatch: RouteHandler<typeof cancelBatchRoute, AppEnv> = async (c) => {
  const { id } = await ownBatch(c, c.req.valid("param").id);
  const batch = await batchesOfCaller(c).cancel(id);
  if (batch === null) throw new Problem("not_found");
  return c.json(batchBody(batch), 200);
};

const deleteBatch: RouteHandler<typeof deleteBatchRoute, AppEnv> = async (c) => {
  const { id } = await ownBatch(c, c.req.valid("param").id);
  await batchesOfCaller(c).remove(id); // gone already is as good
  return c.json({ id, object: "batch" as const, deleted: true as const }, 200);
};

/** Adds the routes of batches and of their files. */
export function batchRoutes(app: OpenAPIHono<AppEnv>): void {
  app.use("/v1/batches/*", needs("batch")); // `/v1/batches` too
  app.use("/v1/files/*", needs("batch"));
  app.use("/v1/batches/:id/cancel", idempotent());
  app.openapi(createBatchRoute, postBatch);
  app.openapi(listBatchesRoute, getBatches);
  app.openapi(getBatchRoute, getBatch);
  app.openapi(cancelBatchRoute, cancelBatch);
  app.openapi(deleteBatchRoute, deleteBatch);
  app.openapi(resultsRoute, getResults);
  app.openapi(errorsRoute, getErrors);
  app.openapi(fileRoute, getFile);
}
