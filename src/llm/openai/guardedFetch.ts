/**
 * The `fetch` that the SDK is given. It keeps a misbehaving endpoint from costing more than a failed call:
 * redirects are not followed (a redirect would carry the prompt, and the key, to a host nobody
 * configured), event streams and error bodies are bounded, and a wait that the deadline does not
 * allow is not begun.
 */
import { readUpTo, retryAfterSeconds } from "../../net/response.ts";

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

/** Thrown into a stream whose event is over the limit. */
export class EventTooLarge extends Error {
  override readonly name = "EventTooLarge";
}

/** What passed so far. */
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

/** The time that all HTTP calls of one request share, and their right to go on. */
export interface Scope {
  /** Fires at the deadline, when the caller leaves, and on `close`. */
  readonly signal: AbortSignal;
  remainingMs(): number;
  /** Why the calls were ended, while they still ran; null: they were not. */
  ended(): "timeout" | "aborted" | null;
  /** Ends every call that still runs. */
  close(): void;
}

/** Timers hold 31 bits of milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @param deadlineMs milliseconds from now */
export function openScope(caller: AbortSignal, deadlineMs: number): Scope {
  const controller = new AbortController();
  const endsAt = Date.now() + deadlineMs;
  let ended: "timeout" | "aborted" | null = null;
  const end = (reason: "timeout" | "aborted") => {
    ended ??= reason;
    controller.abort();
  };
  const leave = () => end("aborted");
  const timer = setTimeout(() => end("timeout"), Math.min(deadlineMs, LONGEST_TIMER_MS));
  caller.addEventListener("abort", leave, { once: true });
  if (caller.aborted) leave();
  return {
    signal: controller.signal,
    remainingMs: () => Math.max(0, endsAt - Date.now()),
    ended: () => ended,
    close: () => {
      clearTimeout(timer);
      caller.removeEventListener("abort", leave);
      controller.abort();
    },
  };
}
