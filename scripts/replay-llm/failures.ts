/** Ways in which the replay can be told to misbehave, so that tests meet every fault for real. */

/** What each mode does. "Choice 0" faults leave the other choices of a request whole. */
export const FAILURES = {
  "401": "refuses the key",
  "429": "too many requests, without Retry-After",
  "429-retry-after": "too many requests, with Retry-After",
  "500": "server error",
  "hang-before-headers": "never answers",
  "hang-mid": "stops sending after the first choice has ended (one choice: half way)",
  "cut-stream": "destroys the connection there",
  "no-done": "ends the stream there, cleanly, without [DONE]",
  "malformed-sse": "sends an event with broken JSON there, then goes on",
  "error-event": "sends an event with an error object there, then ends",
  garbage: "sends bytes that are neither JSON nor an event stream",
  "empty-choices": "answers with no choice",
  "duplicate-indices": "sends every choice with index 0, interleaved",
  "refuse-n": "400 naming n, where n is over 1",
  "ignore-n": "one choice, whatever n",
  "fail-one-of-k":
    "choice 1 ends with finish_reason error; of calls for one choice, number 1 is a 500",
  "fail-all-but-one": "the same for all choices and numbers but 0",
  "huge-candidate": "the last choice is 20 MB long, in small events",
  "huge-event": "one event of 20 MB",
  "finish-length": "choice 0 is cut half way, finish_reason length",
  "content-filter": "choice 0 is cut half way, finish_reason content_filter",
  "empty-text": "choice 0 has no text",
  "no-finish": "finish_reason is never sent",
  sequential: "choice after choice instead of interleaved",
  "wrong-content-type": "the right body, as text/html",
  redirect: "302 to another path of this server",
} as const;

export type FailureMode = keyof typeof FAILURES;

export function isFailureMode(text: string): text is FailureMode {
  return Object.hasOwn(FAILURES, text);
}

/** One fault to commit. */
export interface Failure {
  readonly mode: FailureMode;
  /** Value of the Retry-After header, seconds. */
  readonly retryAfterSeconds: number;
}

export const DEFAULT_RETRY_AFTER_SECONDS = 7;

/** The faults yet to commit: one mode, for a number of requests. */
export class FailurePlan {
  #next: (Failure & { times: number }) | null = null;

  /** @param times requests that will meet the fault; Infinity for all */
  set(
    mode: FailureMode | null,
    times = Number.POSITIVE_INFINITY,
    retryAfterSeconds = DEFAULT_RETRY_AFTER_SECONDS,
  ): void {
    this.#next = mode === null ? null : { mode, times, retryAfterSeconds };
  }

  /** The fault for this request: its own header's, else the planned one (which it uses up). */
  take(header: string | undefined): Failure | null {
    if (header !== undefined && isFailureMode(header)) {
      return { mode: header, retryAfterSeconds: DEFAULT_RETRY_AFTER_SECONDS };
    }
    if (this.#next === null || this.#next.times <= 0) return null;
    this.#next.times -= 1;
    return this.#next;
  }
}
