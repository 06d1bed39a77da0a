import type { Context } from "hono";
import type { AppEnv } from "../config/parts.ts";
import { JSONL } from "../http/eventStream.ts";
import { Problem } from "../http/problems.ts";
import { sealerFor } from "../http/seal.ts";
import { KEEP_MS, readKey, refusal } from "../ledger/idempotency.ts";
import { type Batch, newBatchId, type TenantBatches } from "./batch.ts";
import { BatchContent, chainOf } from "./content.ts";
import { batchesOfCaller } from "./files.ts";
import { batchProblems } from "./schema.ts";
import { type UploadParts, upload } from "./upload.ts";

/** Takes a batch in. It is refused before its body is read, or stored line by line before the answer says so. */

const TYPES: readonly string[] = [JSONL, "application/jsonl", "application/ndjson"];
/** Milliseconds between two signs of life of an upload. Well within its lease. */
const BEAT_MS = 30_000;

/** The new batch, or the one that the same Idempotency-Key made before. Throws `Problem`. */
export async function createBatch(
  c: Context<AppEnv>,
): Promise<{ batch: Batch; replayed: boolean }> {
  const batches = batchesOfCaller(c);
  const { content, config } = c.get("parts");
  if (content === null) throw new Problem("storage_unavailable");
  const [type = ""] = (c.req.header("content-type") ?? "").split(";");
  if (!TYPES.includes(type.trim().toLowerCase())) throw new Problem(batchProblems.jsonl_expected);
  const body = c.req.raw.body ?? new ReadableStream({ start: (stream) => stream.close() });
  const caller = c.get("caller");
  const { tenant, keyId, principal } = caller;
  const chain = await chainOf(content.secret, tenant);
  const id = newBatchId();
  const created = await batches.create({
    id,
    tenant,
    caller: JSON.stringify(caller),
    keyId,
    principal,
    keepMs: config.batchKeepMs,
    stallMs: config.batchStallMs,
    replay: await replayWish(c, content.secret),
  });
  if (created.kind === "too_many") throw new Problem(batchProblems.too_many_batches);
  if (created.kind === "known") {
    if (created.fingerprint === null) throw stillUploading(created.batch);
    const { fingerprint } = await upload(body, { put: async () => {}, chain });
    if (fingerprint !== created.fingerprint) throw refusal({ kind: "other_body" });
    return { batch: created.batch, replayed: true };
  }
  const kept = await BatchContent.of(content.bucket, content.secret, tenant, id);
  const taken = takenIn(id, { body, kept, chain, batches });
  // Goes on when the client leaves. Otherwise nobody would clean up.
  c.executionCtx.waitUntil(taken.catch(() => {}));
  return { batch: await taken, replayed: false };
}

interface Taking {
  readonly body: ReadableStream<Uint8Array>;
  readonly kept: BatchContent;
  readonly chain: UploadParts["chain"];
  readonly batches: TenantBatches;
}

/** Reads the lines in. A failure leaves nothing behind and frees the Idempotency-Key. */
async function takenIn(id: string, { body, kept, chain, batches }: Taking): Promise<Batch> {
  let heard = Date.now();
  const put = async (chunk: number, lines: readonly string[]) => {
    await kept.putChunk(chunk, lines);
    if (Date.now() - heard < BEAT_MS) return;
    heard = Date.now();
    await batches.uploading(id).catch(() => {}); // the next beat comes in time
  };
  try {
    const batch = await batches.uploaded(id, await upload(body, { put, chain }));
    if (batch === null) throw new Problem("not_found"); // deleted while it came in
    return batch;
  } catch (error) {
    await batches.remove(id).catch(() => {}); // if this fails, the end of its lease deletes it
    throw error;
  }
}

function stillUploading({ createdAt, expiresAt }: Batch): Problem {
  const now = Date.now();
  return refusal({ kind: "running", ranMs: now - createdAt, leftMs: expiresAt - now });
}

async function replayWish(c: Context<AppEnv>, secret: string) {
  const key = readKey(c);
  if (key === null) return null;
  const { tenant, principal } = c.get("caller");
  const sealer = await sealerFor(secret, tenant, "batches");
  return { id: await sealer.mac("key", principal, key), keepMs: KEEP_MS };
}
