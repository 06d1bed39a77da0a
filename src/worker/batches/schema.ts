/** Batches on the wire: OpenAI's Batch object, but for `input_file_id`, which nothing here has. */
import { z } from "@hono/zod-openapi";
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
