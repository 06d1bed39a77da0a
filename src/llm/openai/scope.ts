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
