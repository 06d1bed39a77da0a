/**
 * The `fetch` the SDK is given. It keeps a misbehaving endpoint from costing more than a failed call:
 * redirects are not followed (a redirect would carry the prompt, and the key, to a host nobody
 * configured), event streams and error bodies are bounded, and a wait that the deadline does not
 * allow is not begun.
 */
import { readUpTo } from "../../net/readUpTo.ts";
import { retryAfterSeconds } from "../../net/retryAfter.ts";
import type { Scope } from "./scope.ts";
import { type Passed, sseGuard } from "./sseGuard.ts";

export type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What one SDK call did on the wire, its retries included. */
export interface Watch extends Passed {
  requests: number;
  /** Body of the last error response, at most `MAX_ERROR_BYTES`; read for what it refuses, never shown. */
  errorBody: string;
}

/** A candidate of 256 KiB in one event, every character escaped, fits. */
export const MAX_EVENT_BYTES = 2 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
/** Longer waits are the client's to make: it is told `Retry-After`. */
const MAX_RETRY_WAIT_MS = 5_000;
/** What the SDK waits before its second try where the provider names no time; it doubles once. */
const DEFAULT_RETRY_WAIT_MS = 1_000;

export function guardedFetch(base: Fetch, watch: Watch, scope: Scope): Fetch {
  return async (url, init) => {
    watch.requests += 1;
    const response = await base(url, { ...init, redirect: "manual" });
    const headers = new Headers(response.headers);
    // The body read here is already decoded and may be shortened.
    headers.delete("content-encoding");
    headers.delete("content-length");
    const { status, statusText } = response;
    if (response.ok) {
      const body = response.body?.pipeThrough(sseGuard(watch, MAX_EVENT_BYTES)) ?? null;
      return new Response(body, { status, statusText, headers });
    }
    const waitMs = (retryAfterSeconds(headers) ?? DEFAULT_RETRY_WAIT_MS / 1000) * 1000;
    if (waitMs > Math.min(MAX_RETRY_WAIT_MS, scope.remainingMs())) {
      headers.set("x-should-retry", "false");
    }
    watch.errorBody = (await readUpTo(response.body, MAX_ERROR_BYTES)).text;
    return new Response(watch.errorBody, { status, statusText, headers });
  };
}
