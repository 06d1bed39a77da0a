/** Deletes everything under a prefix of a bucket. */

/** What a call of R2 deletes at most. */
const KEYS = 1_000;

export async function purge(bucket: R2Bucket, prefix: string): Promise<void> {
  for (;;) {
    const { objects, truncated } = await bucket.list({ prefix, limit: KEYS });
    if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
    if (!truncated) return;
  }
}
