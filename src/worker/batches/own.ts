/** Which batches a caller may see: with a key those of the tenant, with a token its own. */
import type { Context } from "hono";
import type { AppEnv } from "../config/parts.ts";
import { Problem } from "../http/problems.ts";
import type { Batch, TenantBatches } from "./batch.ts";

/** The batches of the caller's tenant. Throws `Problem` where there can be none. */
export function batchesOfCaller(c: Context<AppEnv>): TenantBatches {
  const { batchesOf } = c.get("parts");
  if (batchesOf === null) throw new Problem("storage_unavailable");
  return batchesOf(c.get("caller").tenant);
}

/** A batch that the caller may see. Throws `Problem`: another's is as unknown as one that never was. */
export async function ownBatch(c: Context<AppEnv>, id: string): Promise<Batch> {
  const batch = await batchesOfCaller(c).get(id);
  const { how, principal } = c.get("caller");
  // A token is one user of an app, a key the tenant's own server.
  if (batch === null || (how === "token" && batch.principal !== principal)) {
    throw new Problem("not_found");
  }
  return batch;
}
