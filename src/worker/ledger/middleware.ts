/**
 * What stands in front of POSTs: a meter for those that cost, an Idempotency-Key for all, and the quota in headers. The
 * path is the same for both kinds: reserve, or replay, then the route, then settle and keep the answer.
 */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../config/parts.ts";
import { Idempotency } from "./idempotency.ts";
import type { LimitState } from "./ledger.ts";
import { holdMs, Meter, NOTHING } from "./meter.ts";
import { SPEND_WARNING, spendWarning } from "./spend.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** There on routes that cost. */
    meter: Meter;
  }
}

/** The form of answer that a request's headers choose; null: the usual one. */
type FormOf = (c: Context<AppEnv>) => string | null;

/**
 * For the routes that cost. The route opens the meter when it knows that the request is valid, and returns the response
 * of a replay.
 */
export function metered(formOf: FormOf = () => null) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const { ledgerOf, config } = c.get("parts");
    const caller = c.get("caller");
    const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
    const idempotency = await Idempotency.read(c, formOf(c));
    const meter = new Meter({
      ledger: ledgerOf(caller.tenant),
      caller,
      requestId: c.get("requestId"),
      holdMs: holdMs(config),
      idempotency,
      waitUntil,
    });
    c.set("meter", meter);
    // Whoever sends a key comes back for the answer: the work goes on without them, for the 30 s that `waitUntil` gives.
    if (idempotency !== null) c.set("signal", new AbortController().signal);
    const answered = next();
    waitUntil(answered.catch(() => {}));
    await answered;
    for (const [name, value] of limitHeaders(meter.limit)) c.res.headers.set(name, value);
    const warning = spendWarning(meter.caps, Date.now());
    if (warning !== null) c.res.headers.set(SPEND_WARNING, warning);
    waitUntil(meter.keep(c.res));
  });
}

/** Milliseconds after which a free request that has not ended has died, and its key is free. */
const FREE_HOLD_MS = 60_000;

/** For POSTs that cost nothing: with an Idempotency-Key the first good answer again, without a request being counted. */
export function idempotent() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const idempotency = c.req.method === "POST" ? await Idempotency.read(c, null) : null;
    if (idempotency === null) return next();
    const { tenant, keyId, how, principal } = c.get("caller");
    const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
    const meter = new Meter({
      ledger: c.get("parts").ledgerOf(tenant),
      caller: { keyId, quota: null, how, principal },
      requestId: c.get("requestId"),
      holdMs: FREE_HOLD_MS,
      idempotency,
      waitUntil,
    });
    let succeeded = false;
    try {
      const admitted = await meter.open({ ...NOTHING, requests: 0 });
      if (admitted.kind === "replay") return admitted.response;
      await next();
      succeeded = c.res.ok;
    } finally {
      meter.close(succeeded ? "succeeded" : "failed", NOTHING);
    }
    waitUntil(meter.keep(c.res));
  });
}

/** Header names and values as OpenAI sends them, from the ledger's exact figures; none for a key without a quota. */
export function limitHeaders(state: LimitState | null): [name: string, value: string][] {
  if (state === null) return [];
  return [
    ["x-ratelimit-limit-requests", String(state.limit)],
    ["x-ratelimit-remaining-requests", String(state.remaining)],
    ["x-ratelimit-reset-requests", duration(state.resetMs)],
  ];
}

/** A duration as Go writes it and OpenAI sends it: `20ms`, `6m0s`, `2h3m4s`. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.ceil(ms))}ms`;
  const seconds = Math.ceil(ms / 1_000);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 0) return `${h}h${m}m${s}s`;
  return m > 0 ? `${m}m${s}s` : `${s}s`;
}
