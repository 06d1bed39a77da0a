/** The time and the right to run that all HTTP calls of one request share. */

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
