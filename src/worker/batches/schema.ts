/** Batches on the wire: OpenAI's Batch object without `input_file_id`, because there are no input files here. */
import { z } from "@hono/zod-openapi";
import { defineProblems } from "../http/problemTable.ts";
import { BATCH_STATUSES, type Batch } from "./batch.ts";

const time = z.int().nullable().openapi({ description: "Seconds since 1970." });

export const BatchBody = z
  .object({
    id: z.string(),
    object: z.literal("batch"),
    endpoint: z.literal("/v1/answer"),
    completion_window: z.literal("24h"),
    errors: z.null(),
    status: z.enum(BATCH_STATUSES),
    output_file_id: z.string().openapi({ description: "For `GET /v1/files/{id}/content`." }),
    error_file_id: z.string(),
    created_at: z.int(),
    in_progress_at: time,
    finalizing_at: time,
    completed_at: time,
    failed_at: z.null(),
    expired_at: z.null(),
    cancelling_at: time,
    cancelled_at: time,
    expires_at: z.int().openapi({ description: "When all that is kept of it is deleted." }),
    request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
    metadata: z.null(),
  })
  .openapi("Batch");

export const BatchId = z
  .string()
  .regex(/^batch_[0-9a-f]{32}$/, "must be a batch's id")
  .openapi({ example: "batch_0123456789abcdef0123456789abcdef" });

export const fileId = {
  results: (id: string) => `${id}.results`,
  errors: (id: string) => `${id}.errors`,
};

export function batchBody(batch: Batch): z.infer<typeof BatchBody> {
  const seconds = (ms: number | null) => (ms === null ? null : Math.floor(ms / 1000));
  return {
    id: batch.id,
    object: "batch",
    endpoint: "/v1/answer",
    completion_window: "24h",
    errors: null,
    status: batch.status,
    output_file_id: fileId.results(batch.id),
    error_file_id: fileId.errors(batch.id),
    created_at: Math.floor(batch.createdAt / 1000),
    in_progress_at: seconds(batch.inProgressAt),
    finalizing_at: seconds(batch.finalizingAt),
    completed_at: seconds(batch.completedAt),
    failed_at: null,
    expired_at: null,
    cancelling_at: seconds(batch.cancellingAt),
    cancelled_at: seconds(batch.cancelledAt),
    expires_at: Math.floor(batch.expiresAt / 1000),
    request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
    metadata: null,
  };
}

declare module "../http/problemTable.ts" {
  interface ProblemKinds {
    batch_too_large: true;
    too_many_batches: true;
    jsonl_expected: true;
    batch_lost: true;
  }
}

/** The problems that only batches have. */
export const batchProblems = defineProblems({
  batch_too_large: {
    status: 413,
    type: "invalid_request_error",
    message: "A batch is at most 50,000 lines and 100 MB.",
  },

  too_many_batches: {
    status: 429,
    type: "requests",
    message: "Too many batches are unfinished. Wait for one, or cancel it.",
    retrySeconds: 60,
  },

  jsonl_expected: {
    status: 415,
    type: "invalid_request_error",
    message: "The body must be JSON lines, with the header content-type: application/x-ndjson.",
  },

  batch_lost: {
    status: 500,
    type: "api_error",
    message:
      "This line could not be answered: it was tried several times, or cannot be read any more.",
  },
});
