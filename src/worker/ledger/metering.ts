/**
 * Gives a POST its meter, its limits in headers, and its answer to the ledger where an Idempotency-Key asks for it.
 *
 * `X-RateLimit-*` as OpenAI sends them, from the ledger's exact figures.
 */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { AppEnv, Config } from "../config/parts.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import { Idempotency, isIdempotencyKey } from "./idempotency.ts";
import type { Ledger, LimitState } from "./ledger.ts";
import { Meter } from "./meter.ts";

/** Past the LLM's deadline: time for loading, scoring and a slow ledger. */
const HOLD_MARGIN_MS = 60_000;

/** Milliseconds after which a request that was not settled has died. */
export function holdMs({ llmDeadlineMs }: Pick<Config, "llmDeadlineMs">): number {
  return llmDeadlineMs + HOLD_MARGIN_MS;
}

declare module "hono" {
  interface ContextVariableMap {
    /** There on routes that cost. */
    meter: Meter;
  }
}

/** The form of answer that a request's headers choose; null: the usual one. */
type FormOf = (c: Context<AppEnv>) => string | null;

/** For the routes that cost. The route starts the meter when it knows that the request is valid. */
export function metering(formOf: FormOf = () => null) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const { ledgerOf, config } = c.get("parts");
    const caller = c.get("caller");
    const ledger = ledgerOf(caller.tenant);
    const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
    const idempotency = await readIdempotency(c, formOf(c));
    const meter = new Meter({
      ledger,
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
    if (idempotency !== null) waitUntil(keepAnswer(c, meter, ledger, idempotency));
  });
}

/** The request's Idempotency-Key, or null. Throws `Problem` for one that cannot be one, or not here. */
export async function readIdempotency(
  c: Context<AppEnv>,
  form: string | null = null,
): Promise<Idempotency | null> {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return null;
  if (!isIdempotencyKey(key)) {
    throw fieldProblem("invalid_request", "Idempotency-Key", "must be 1 to 255 ASCII characters");
  }
  const secret = c.get("parts").config.contentSecret;
  if (secret === null) throw new Problem("idempotency_unavailable");
  const { tenant, principal } = c.get("caller");
  const body = new Uint8Array(await c.req.arrayBuffer());
  return Idempotency.of({ tenant, principal, route: c.req.path, key, body, form }, secret);
}

/** Keeps a whole, good answer; anything else leaves the key free for a retry. */
async function keepAnswer(
  c: Context<AppEnv>,
  meter: Meter,
  ledger: Ledger,
  idempotency: Idempotency,
): Promise<void> {
  const copy = c.res.ok ? c.res.clone() : null;
  const body = await copy?.arrayBuffer().catch(() => null);
  const end = await meter.ended;
  if (end === "nothing") return;
  const type = copy?.headers.get("content-type") ?? "application/json";
  const answer =
    end === "succeeded" && copy && body
      ? await idempotency.seal(copy.status, type, new Uint8Array(body))
      : null;
  await ledger.keep(c.get("requestId"), answer).catch(() => {});
}

/** Header names and values; none for a key without a quota. */
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
