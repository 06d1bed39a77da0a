/**
 * Which batches a caller may see, and their results and errors as JSON lines, decrypted while they are read; also under
 * OpenAI's file routes.
 */
import { createRoute, type RouteHandler, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { AppEnv } from "../config/parts.ts";
import { JSONL, jsonLinesResponse } from "../http/eventStream.ts";
import { Problem } from "../http/problems.ts";
import { keepingRefusals, problemResponses } from "../http/schema.ts";
import type { Batch, TenantBatches } from "./batch.ts";
import { BatchContent, type BatchFile, FILES } from "./content.ts";
import { BatchId } from "./schema.ts";

const responses = {
  200: {
    description: "What is answered so far, in any order; all of it once the batch has ended",
    content: { [JSONL]: { schema: z.string() } },
  },
  ...keepingRefusals,
  404: problemResponses[404],
};

const route = <Path extends string>(path: Path, summary: string) =>
  createRoute({
    method: "get",
    path,
    tags: ["Batches"],
    summary,
    request: { params: z.object({ id: BatchId }) },
    responses,
  });

export const resultsRoute = route("/v1/batches/{id}/results", "The lines that were answered");
export const errorsRoute = route("/v1/batches/{id}/errors", "The lines that were not");

export const fileRoute = createRoute({
  method: "get",
  path: "/v1/files/{id}/content",
  tags: ["Batches"],
  summary: "OpenAI's way to the same: by `output_file_id` or `error_file_id`",
  request: {
    params: z.object({
      id: z.string().regex(/^batch_[0-9a-f]{32}\.(results|errors)$/, "must be a file of a batch"),
    }),
  },
  responses,
});

export const getResults: RouteHandler<typeof resultsRoute, AppEnv> = (c) =>
  sendFile(c, c.req.valid("param").id, "results");

export const getErrors: RouteHandler<typeof errorsRoute, AppEnv> = (c) =>
  sendFile(c, c.req.valid("param").id, "errors");

export const getFile: RouteHandler<typeof fileRoute, AppEnv> = (c) => {
  const [id = "", name = ""] = c.req.valid("param").id.split(".");
  const file = FILES.find((one) => one === name);
  if (file === undefined) throw new Problem("not_found");
  return sendFile(c, id, file);
};

async function sendFile(c: Context<AppEnv>, id: string, file: BatchFile) {
  await ownBatch(c, id);
  const { content } = c.get("parts");
  if (content === null) throw new Problem("storage_unavailable");
  const kept = await BatchContent.of(content.bucket, content.secret, c.get("caller").tenant, id);
  return jsonLinesResponse(c, kept.read(file));
}

/** The batches of the caller's tenant. Throws `Problem` where there can be none. */
export function batchesOfCaller(c: Context<AppEnv>): TenantBatches {
  const { batchesOf } = c.get("parts");
  if (batchesOf === null) throw new Problem("storage_unavailable");
  return batchesOf(c.get("caller").tenant);
}

/** A batch that the caller may see. Throws `Problem`: another sender's batch looks as if it did not exist. */
export async function ownBatch(c: Context<AppEnv>, id: string): Promise<Batch> {
  const batch = await batchesOfCaller(c).get(id);
  const { how, principal } = c.get("caller");
  // A token is one user of an app. A key is the tenant's own server.
  if (batch === null || (how === "token" && batch.principal !== principal)) {
    throw new Problem("not_found");
  }
  return batch;
}
