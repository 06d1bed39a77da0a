/**
 * Stored answers of a tenant in a bucket, encrypted. Each has an expiry. After it, nothing is read, and the sweep deletes
 * it (wrangler.toml's `crons`). An empty mark lies beside each answer, named by its expiry, so the sweep finds what is
 * due without reading the rest. R2's lifecycle rules would not do: see docs/dependencies.md.
 */

import { z } from "zod";
import { type Sealer, sealerFor } from "../http/seal.ts";

const utf8 = new TextEncoder();
/** Objects that an export reads at once. */
const EXPORT_AT_ONCE = 8;
/** How often a writer that lost a race tries again. */
const TRIES = 5;

/** How an answer turned out: the right option, whether the chosen answer was right, or stars. */
export const Verdict = z.union([
  z.strictObject({ gold: z.string() }),
  z.strictObject({ correct: z.boolean() }),
  z.strictObject({ rating: z.int().min(1).max(5) }),
]);
export type Verdict = z.infer<typeof Verdict>;

export const FeedbackRecord = z.strictObject({
  schema: z.literal(1),
  id: z.string(),
  /** Who asked, as in `Caller`. */
  principal: z.string(),
  createdAt: z.iso.datetime(),
  task: z.string(),
  llm: z.string(),
  /** `name@version`; null where none scored. */
  adapter: z.string().nullable(),
  question: z.string(),
  context: z.string().nullable(),
  /** Absent if there was none, so an earlier version of the Worker can read the record too. */
  evidence: z.string().optional(),
  options: z.array(z.tuple([z.string(), z.string()])),
  candidates: z.array(
    z.strictObject({
      text: z.string(),
      answer: z.string().nullable(),
      score: z.number().nullable(),
      /** Who wrote it, as the provider names the model; absent where one LLM wrote all. */
      llm: z.string().optional(),
    }),
  ),
  /** The index of the chosen candidate; null: abstained. */
  chosen: z.int().nullable(),
  outcome: Verdict.nullable(),
  trusted: z.boolean(),
});
export type FeedbackRecord = z.infer<typeof FeedbackRecord>;

interface Stored {
  readonly record: FeedbackRecord;
  readonly etag: string;
  readonly expiresAt: number;
}

export class FeedbackStore {
  readonly #bucket: R2Bucket;
  readonly #tenant: string;
  readonly #sealer: Sealer;

  private constructor(bucket: R2Bucket, tenant: string, sealer: Sealer) {
    this.#bucket = bucket;
    this.#tenant = tenant;
    this.#sealer = sealer;
  }

  static async of(
    { bucket, secret }: { readonly bucket: R2Bucket; readonly secret: string },
    tenant: string,
  ): Promise<FeedbackStore> {
    return new FeedbackStore(bucket, tenant, await sealerFor(secret, tenant, "feedback"));
  }

  async put(record: FeedbackRecord, expiresAt: number): Promise<void> {
    await this.#bucket.put(markKey(expiresAt, this.#tenant, record.id), "");
    await this.#write(record, expiresAt, null);
  }

  async get(id: string): Promise<FeedbackRecord | null> {
    return (await this.#read(id))?.record ?? null;
  }

  /**
   * Replaces the record by what `change` makes of it, safely beside other writers.
   * @returns the new record; null where there is none. Throws what `change` throws.
   */
  async update(
    id: string,
    change: (record: FeedbackRecord) => FeedbackRecord,
  ): Promise<FeedbackRecord | null> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const found = await this.#read(id);
      if (found === null) return null;
      const changed = change(found.record);
      if (await this.#write(changed, found.expiresAt, found.etag)) return changed;
    }
    throw new Error("another writer was always first");
  }

  /** Deletes the record; false where there is none. */
  async remove(id: string): Promise<boolean> {
    const found = await this.#bucket.head(this.#key(id));
    if (found === null) return false;
    await this.#bucket.delete([this.#key(id), markKey(expiryOf(found), this.#tenant, id)]);
    return true;
  }

  /** All records that have not expired, in no particular order. */
  async *all(): AsyncGenerator<FeedbackRecord, void> {
    let cursor: string | undefined;
    do {
      const listed = await this.#bucket.list({
        prefix: this.#key(""),
        ...(cursor === undefined ? {} : { cursor }),
      });
      const ids = listed.objects.map(({ key }) => key.slice(this.#key("").length));
      for (let from = 0; from < ids.length; from += EXPORT_AT_ONCE) {
        const some = await Promise.all(
          ids.slice(from, from + EXPORT_AT_ONCE).map((id) => this.get(id)),
        );
        for (const record of some) if (record !== null) yield record;
      }
      cursor = listed.truncated ? listed.cursor : undefined;
    } while (cursor !== undefined);
  }

  async #read(id: string): Promise<Stored | null> {
    const found = await this.#bucket.get(this.#key(id));
    if (found === null) return null;
    const expiresAt = expiryOf(found);
    if (expiresAt <= Date.now()) return null;
    const sealed = new Uint8Array(await found.arrayBuffer());
    const bytes = await this.#sealer.open(sealed, id);
    if (bytes === null) return null;
    const record = FeedbackRecord.parse(JSON.parse(new TextDecoder().decode(bytes)));
    return { record, etag: found.etag, expiresAt };
  }

  async #write(record: FeedbackRecord, expiresAt: number, etag: string | null): Promise<boolean> {
    const sealed = await this.#sealer.seal(utf8.encode(JSON.stringify(record)), record.id);
    const written: R2Object | null = await this.#bucket.put(this.#key(record.id), sealed, {
      customMetadata: { expires: String(expiresAt) },
      ...(etag === null ? {} : { onlyIf: { etagMatches: etag } }),
    });
    return written !== null;
  }

  #key(id: string): string {
    return feedbackKey(this.#tenant, id);
  }
}

export function feedbackKey(tenant: string, id: string): string {
  return `feedback/${tenant}/${id}`;
}

/** Prefix of the marks. Their names sort by time, so what is due comes first. */
export const MARKS = "expiry/";

function markKey(expiresAt: number, tenant: string, id: string): string {
  return `${MARKS}${String(expiresAt).padStart(15, "0")}/${tenant}/${id}`;
}

/** When it expires, in milliseconds since 1970. A record without a time counts as expired. */
function expiryOf(object: R2Object): number {
  return Number(object.customMetadata?.expires ?? 0);
}

/** Marks that one call of R2 lists. One call deletes at most 1,000 objects. */
const AT_ONCE = 500;
/** The most calls that one run makes. The next run does the rest. */
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
    // Delete the content first. A mark without content does no harm; content without a mark would stay for ever.
    await bucket.delete(due.map(({ content }) => content));
    await bucket.delete(due.map(({ key }) => key));
    deleted += due.length;
  }
  return deleted;
}
