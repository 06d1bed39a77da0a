/** What a retry is told whose first request still runs, or has died. */
import { Problem } from "../errors/problems.ts";

const LEAST_MS = 2_000;

/**
 * When to come again: in as long again as the first has run, so that neither a short run is waited for long nor a long
 * one asked for often; never later than its hold ends and its key is free.
 * @param ranMs since it began
 * @param leftMs of its hold
 */
export function stillRunning(ranMs: number, leftMs: number): Problem {
  const waitMs = Math.min(Math.max(ranMs, LEAST_MS), leftMs);
  return new Problem("idempotency_in_progress", { retryAfterSeconds: waitMs / 1_000 });
}
