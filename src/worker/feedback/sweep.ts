/** Deletes stored answers whose time is over. Run by the clock (wrangler.toml's `crons`). */
import { feedbackKey, MARKS } from "./feedbackStore.ts";

/** What a call of R2 lists, and half of what one deletes. */
const AT_ONCE = 500;
/** Calls a run makes; what is left is the next run's. */
const CALLS = 40;

/** @returns how many were deleted */
export async function sweepFeedback(bucket: R2Bucket, now: number): Promise<number> {
  let deleted = 0;
  for (let call = 0; call < CALLS; call += 1) {
    const { objects } = await bucket.list({ prefix: MARKS, limit: AT_ONCE });
    const due = objects.flatMap(({ key }) => {
      const [time = "", tenant = "", id = ""] = key.slice(MARKS.length).split("/");
      return Number(time) <= now ? [{ key, content: feedbackKey(tenant, id) }] : [];
    });
    if (due.length === 0) return deleted;
    // The content first: a mark without content does no harm, content without a mark would stay.
    await bucket.delete(due.map(({ content }) => content));
    await bucket.delete(due.map(({ key }) => key));
    deleted += due.length;
  }
  return deleted;
}
