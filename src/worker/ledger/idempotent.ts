/** `Idempotency-Key` for POSTs that cost nothing: the first answer again, without a request being counted. */
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../config/parts.ts";
import { Problem } from "../http/problems.ts";
import { refusal, replayed } from "./idempotency.ts";
import type { ReserveResult, Usage } from "./ledger.ts";
import { readIdempotency } from "./metering.ts";

const NOTHING: Usage = {
  adapter: null,
  requests: 0,
  candidates: 0,
  adapterTokens: 0,
  promptTokens: 0,
  completionTokens: 0,
  llmRequests: 0,
};
/** Milliseconds after which a request that has not ended has died, and its key is free. */
const HOLD_MS = 60_000;

export function idempotent() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const idempotency = c.req.method === "POST" ? await readIdempotency(c) : null;
    if (idempotency === null) return next();
    const { tenant, keyId } = c.get("caller");
    const ledger = c.get("parts").ledgerOf(tenant);
    const requestId = c.get("requestId");
    const { wish: replay } = idempotency;
    let result: ReserveResult;
    try {
      const asked = { requestId, keyId, quota: null, estimate: NOTHING, holdMs: HOLD_MS, replay };
      result = await ledger.reserve(asked);
    } catch {
      throw new Problem("ledger_unavailable");
    }
    if (result.kind === "replay") throw await replayed(result.answer, idempotency);
    if (result.kind !== "granted") throw refusal(result);
    await next();
    // What failed leaves the key free for a retry.
    if (!c.res.ok) {
      c.executionCtx.waitUntil(ledger.release(requestId).catch(() => {}));
      return;
    }
    const body = new Uint8Array(await c.res.clone().arrayBuffer());
    const type = c.res.headers.get("content-type") ?? "application/json";
    const answer = await idempotency.seal(c.res.status, type, body);
    const kept = ledger.settle(requestId, NOTHING).then(() => ledger.keep(requestId, answer));
    c.executionCtx.waitUntil(kept.catch(() => {}));
  });
}
