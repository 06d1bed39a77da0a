/**
 * Waiting that every request does with a timer of its own.
 *
 * Requests share one engine, so one request waits for what another does. In workerd such a wait must
 * not be a promise that the other request resolves: when that request is cancelled (its client left)
 * the promise never settles and everyone behind it hangs, and a request whose only hope is a foreign
 * promise is ended by the runtime as hung. So nothing here hands a promise from one request to the
 * next; shared state is plain data, and each waiter looks at it again after a pause.
 */

/** Lets other requests and their I/O take a turn; resolves after about `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves true when `condition` holds, false when the signal fires first. */
export async function until(
  condition: () => boolean,
  signal: AbortSignal,
  everyMs: number,
): Promise<boolean> {
  while (!signal.aborted) {
    if (condition()) return true;
    await pause(everyMs);
  }
  return false;
}
