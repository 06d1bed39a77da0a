/** Takes a batch in: refused before its body is read, or kept, line by line, before the answer says so. */
import type { Context } from "hono";
import { type Batch, newBatchId } from "../batches/batch.ts";
import { BatchContent, chainOf } from "../batches/content.ts";
import { upload } from "../batches/upload.ts";
import { fieldProblem, Problem } from "../errors/problems.ts";
import { isIdempotencyKey } from "../ledger/idempotency.ts";
import { sealerFor } from "../ledger/seal.ts";
import { JSONL } from "../schemas/batch.ts";
import type { AppEnv } from "../wiring/parts.ts";
import { bookOf } from "./batches.ts";

const TYPES: readonly string[] = [JSONL, "application/jsonl", "application/ndjson"];
/** How long an Idempotency-Key is remembered. */
const REPLAY_MS = 86_400_000;

/** The new batch, or the one that the same Idempotency-Key made before. Throws `Problem`. */
export async function createBatch(
  c: Context<AppEnv>,
): Promise<{ batch: Batch; replayed: boolean }> {
  const book = bookOf(c);
  const { content, config } = c.get("parts");
  if (content === null) throw new Problem("storage_unavailable");
  const [type = ""] = (c.req.header("content-type") ?? "").split(";");
  if (!TYPES.includes(type.trim().toLowerCase())) throw new Problem("jsonl_expected");
  const body = c.req.raw.body ?? new ReadableStream({ start: (stream) => stream.close() });
  const caller = c.get("caller");
  const { tenant, keyId, principal } = caller;
  const chain = await chainOf(content.secret, tenant);
  const id = newBatchId();
  const created = await book.create({
    id,
    tenant,
    caller: JSON.stringify(caller),
    keyId,
    principal,
    keepMs: config.batchKeepMs,
    stallMs: config.batchStallMs,
    replay: await replayWish(c, content.secret),
  });
  if (created.kind === "too_many") throw new Problem("too_many_batches");
  if (created.kind === "known") {
    if (created.fingerprint === null) throw new Problem("idempotency_in_progress");
    const { fingerprint } = await upload(body, { put: async () => {}, chain });
    if (fingerprint !== created.fingerprint) throw new Problem("idempotency_key_reused");
    return { batch: created.batch, replayed: true };
  }
  try {
    const kept = await BatchContent.of(content.bucket, content.secret, tenant, id);
    const put = (chunk: number, lines: readonly string[]) => kept.putChunk(chunk, lines);
    const uploaded = await upload(body, { put, chain });
    const batch = await book.uploaded(id, uploaded);
    if (batch === null) throw new Problem("not_found"); // deleted while it came in
    return { batch, replayed: false };
  } catch (error) {
    c.executionCtx.waitUntil(book.remove(id).catch(() => {})); // else its expiry does it
    throw error;
  }
}

async function replayWish(c: Context<AppEnv>, secret: string) {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return null;
  if (!isIdempotencyKey(key)) {
    throw fieldProblem("invalid_request", "Idempotency-Key", "must be 1 to 255 ASCII characters");
  }
  const { tenant, principal } = c.get("caller");
  const sealer = await sealerFor(secret, tenant, "batches");
  return { id: await sealer.mac("key", principal, key), keepMs: REPLAY_MS };
}
