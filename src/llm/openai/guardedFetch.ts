/**
 * The `fetch` that the SDK gets. With it a misbehaving endpoint costs no more than a failed call. Redirects are not
 * followed: that would send the prompt, and the key, to a host that nobody configured. Event streams and error bodies are
 * limited. A wait that the deadline does not allow is not begun.
 */
import { readUpTo, retryAfterSeconds } from "../../net/response.ts";

export type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What one SDK call did on the wire, retries included. */
export interface Watch extends Passed {
  requests: number;
  /** Body of the last error response, at most `MAX_ERROR_BYTES`. Read for the refused parameter, never shown. */
  errorBody: string;
}

/** Fits a candidate of 256 KiB in one event with every character escaped. */
export const MAX_EVENT_BYTES = 2 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
/** For a longer wait the client gets `Retry-After`. */
const MAX_RETRY_WAIT_MS = 5_000;
/** The SDK's wait before its second try where the provider names no time; it doubles once. */
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

/** Thrown into a stream whose event is over the limit. */
export class EventTooLarge extends Error {
  override readonly name = "EventTooLarge";
}

/** What has passed so far. */
export interface Passed {
  bytes: number;
  sawDone: boolean;
}

const LF = 10;
const CR = 13;
const DONE_LINE = /^data: ?\[DONE\]$/u;
/** Longest line that could be the end mark. */
const DONE_LENGTH = "data: [DONE]".length;

/**
 * Watches the bytes of an event stream on their way to the SDK, which buffers an event of any size
 * and does not tell a stream that ended with `[DONE]` from one that just ended.
 * @param maxEventBytes longest event (lines up to an empty one) that may pass, bytes
 */
export function sseGuard(
  passed: Passed,
  maxEventBytes: number,
): TransformStream<Uint8Array, Uint8Array> {
  let line = "";
  let lineBytes = 0;
  let eventBytes = 0;
  let afterCR = false;
  const endLine = () => {
    if (lineBytes === 0) eventBytes = 0;
    else if (DONE_LINE.test(line)) passed.sawDone = true;
    line = "";
    lineBytes = 0;
  };
  const step = (byte: number) => {
    if (byte === LF && afterCR) {
      afterCR = false;
      return;
    }
    afterCR = byte === CR;
    if (byte === LF || byte === CR) return endLine();
    lineBytes += 1;
    eventBytes += 1;
    if (lineBytes <= DONE_LENGTH) line += String.fromCharCode(byte);
    else line = "";
  };
  return new TransformStream({
    transform(chunk, controller) {
      passed.bytes += chunk.length;
      for (const byte of chunk) {
        step(byte);
        if (eventBytes > maxEventBytes) return controller.error(new EventTooLarge());
      }
      controller.enqueue(chunk);
    },
    flush: endLine,
  });
}

/** The deadline and the signal that all HTTP calls of one request share. */
export interface Scope {
  /** Fires at the deadline, when the caller leaves, and on `close`. */
  readonly signal: AbortSignal;
  remainingMs(): number;
  /** Why the calls were ended before `close`; null: they were not. */
  ended(): "timeout" | "aborted" | null;
  /** Ends every call that still runs. */
  close(): void;
}

/** A day. Timers hold 31 bits of milliseconds, 24 days: a longer time would be over at once. */
const LONGEST_DEADLINE_MS = 86_400_000;

/** @param deadlineMs milliseconds from now */
export function openScope(caller: AbortSignal, deadlineMs: number): Scope {
  // Whole milliseconds, since Node throws for a fraction.
  const ms = Math.min(Math.max(0, Math.ceil(deadlineMs)), LONGEST_DEADLINE_MS);
  const endsAt = Date.now() + ms;
  // A pending timer ends with its request, and keeps nothing alive.
  const deadline = AbortSignal.timeout(ms);
  const closing = new AbortController();
  const signal = AbortSignal.any([caller, deadline, closing.signal]);
  return {
    signal,
    remainingMs: () => Math.max(0, endsAt - Date.now()),
    ended: () => {
      if (!signal.aborted || signal.reason === closing.signal.reason) return null;
      return signal.reason === deadline.reason ? "timeout" : "aborted";
    },
    close: () => closing.abort(),
  };
}
