/** `X-RateLimit-*` as OpenAI sends them, from the ledger's exact figures. */
import type { LimitState } from "./ledger.ts";

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
