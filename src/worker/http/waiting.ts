/** Waiting with an end to it, and work that outlives its request. */

/** `ctx.waitUntil`: keeps work alive after the response, and after a client that left. */
export type WaitUntil = (work: Promise<unknown>) => void;

/**
 * Resolves when `work` does, or after `ms` milliseconds. A promise that another request made may never settle: workerd
 * drops the work of a request that was cancelled.
 */
export async function waitAtMost(work: Promise<unknown>, ms: number): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const timer = setTimeout(ended.resolve, ms);
  await Promise.race([work, ended.promise]);
  clearTimeout(timer);
}
