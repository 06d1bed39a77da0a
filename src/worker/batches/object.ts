/**
 * The Durable Object behind a tenant's batches. It sends lines to the queue, knows who works on which line, takes
 * outcomes, writes them to the bucket in segments, and deletes what has expired. Each change is one transaction. If the
 * queue or the bucket fails, the alarm tries again.
 */
import { DurableObject } from "cloudflare:workers";
import {
  type Batch,
  batchPrefix,
  type Claim,
  type CreateResult,
  type LineMessage,
  type LineOutcome,
  type NewBatch,
  type Uploaded,
} from "./batch.ts";
import { BatchTables } from "./batchTables.ts";
import { framed, purge } from "./content.ts";
import { LineTables } from "./lineTables.ts";

/** Outcomes are written together: after this time, or when there are this many. */
const WRITE_AFTER_MS = 10_000;
const WRITE_AFTER_LINES = 100;
const SEGMENT_BYTES = 4_000_000;
/** The most calls of the queue that one alarm makes. */
const CALLS = 10;
const RETRY_MS = 10_000;

export interface BatchObjectEnv {
  readonly CONTENT: R2Bucket;
  readonly BATCH_QUEUE: Queue<LineMessage>;
}

export class BatchObject extends DurableObject<BatchObjectEnv> {
  readonly #batches: BatchTables;
  readonly #lines: LineTables;
  #writing: Promise<void> = Promise.resolve();

  constructor(state: DurableObjectState, env: BatchObjectEnv) {
    super(state, env);
    this.#batches = new BatchTables(state.storage.sql);
    this.#lines = new LineTables(state.storage.sql);
  }

  async create(batch: NewBatch): Promise<CreateResult> {
    const now = Date.now();
    const result = this.#atomic((): CreateResult => {
      this.#expire(now); // even if the alarm is late, a dead upload frees its key and its place
      const known = batch.replay && this.#batches.replayOf(batch.replay.id, now);
      if (known) return { kind: "known", ...known };
      return { kind: this.#batches.create(batch, now) ? "new" : "too_many" };
    });
    await this.#plan();
    return result;
  }

  uploading(id: string): void {
    this.#atomic(() => this.#batches.uploading(id, Date.now()));
  }

  async uploaded(id: string, uploaded: Uploaded): Promise<Batch | null> {
    const now = Date.now();
    const begun = this.#atomic(() => this.#batches.begin(id, uploaded, now));
    if (begun) await this.ctx.storage.setAlarm(now);
    return this.#batches.get(id);
  }

  get(id: string): Batch | null {
    return this.#batches.get(id);
  }

  list(query: { limit: number; after: string | null; principal: string | null }): Batch[] {
    return this.#batches.list(query.limit, query.after, query.principal);
  }

  claim(id: string, line: number, leaseMs: number): Claim {
    return this.#atomic(() => this.#lines.claim(id, line, leaseMs, Date.now()));
  }

  async finish(id: string, line: number, outcome: LineOutcome): Promise<boolean> {
    const written = this.#atomic(() => {
      const first = this.#lines.finish(id, line, outcome);
      this.#batches.finalize(id, Date.now());
      return first;
    });
    const ended = this.#batches.get(id)?.status !== "in_progress";
    if (ended || this.#lines.waiting(id) >= WRITE_AFTER_LINES) await this.#tidy();
    await this.#plan();
    return written;
  }

  letGo(id: string, line: number, counts: boolean): void {
    this.#atomic(() => this.#lines.letGo(id, line, counts));
  }

  async cancel(id: string): Promise<Batch | null> {
    this.#atomic(() => this.#batches.cancel(id, Date.now()));
    await this.#tidy();
    await this.#plan();
    return this.#batches.get(id);
  }

  async remove(id: string, tenant: string): Promise<boolean> {
    const removed = this.#atomic(() => this.#batches.remove(id, tenant));
    await this.#tidy();
    await this.#plan();
    return removed;
  }

  override async alarm(): Promise<void> {
    this.#atomic(() => {
      const now = Date.now();
      this.#expire(now);
      this.#lines.resend(now);
    });
    const done = await Promise.allSettled([this.#send(), this.#writeAndPurge()]);
    const failed = done.some(({ status }) => status === "rejected");
    await this.#plan(failed ? RETRY_MS : 0);
  }

  #expire(now: number): void {
    for (const { id, tenant } of this.#batches.expired(now)) this.#batches.remove(id, tenant);
  }

  /** Does the alarm's work now. If it fails, the alarm does it later. */
  async #tidy(): Promise<void> {
    await this.#writeAndPurge().catch(() => {});
  }

  /** In this order, an outcome that is written while its batch is removed is deleted too. */
  async #writeAndPurge(): Promise<void> {
    await this.#write();
    await this.#purge();
  }

  /** Sends the next lines to the queue. If this object dies in between, lines are sent twice and claimed once. */
  async #send(): Promise<void> {
    for (let call = 0; call < CALLS; call += 1) {
      const messages = this.#lines.toSend();
      const last = messages.at(-1);
      if (last === undefined) return;
      await this.env.BATCH_QUEUE.sendBatch(messages.map((body) => ({ body })));
      this.#lines.sent(last.batch, last.line + 1, Date.now());
    }
  }

  /** Writes all waiting outcomes, one write after the other: two at once would write the same segment. */
  #write(): Promise<void> {
    const writing = this.#writing.catch(() => {}).then(() => this.#writeAll());
    this.#writing = writing;
    return writing;
  }

  async #writeAll(): Promise<void> {
    for (const { id, tenant, segment: first } of this.#lines.toWrite()) {
      for (let segment = first; ; segment += 1) {
        const outcomes = this.#lines.pending(id, SEGMENT_BYTES);
        if (outcomes.length === 0) break;
        for (const [folder, isFailed] of [["results", false] as const, ["errors", true] as const]) {
          const lines = outcomes.filter(({ failed }) => failed === isFailed);
          if (lines.length === 0) continue;
          const key = `${batchPrefix(tenant, id)}${folder}/${String(segment).padStart(6, "0")}`;
          await this.env.CONTENT.put(key, framed(lines.map(({ sealed }) => sealed)));
        }
        this.#atomic(() =>
          this.#lines.written(
            id,
            outcomes.map(({ line }) => line),
          ),
        );
      }
      this.#atomic(() => this.#batches.close(id, Date.now()));
    }
  }

  async #purge(): Promise<void> {
    const { sql } = this.ctx.storage;
    for (const { prefix } of sql.exec<{ prefix: string }>("SELECT prefix FROM purge").toArray()) {
      await purge(this.env.CONTENT, prefix);
      sql.exec("DELETE FROM purge WHERE prefix = ?", prefix);
    }
  }

  /** Makes sure that the alarm comes when there is something to do next, not within `pauseMs`. */
  async #plan(pauseMs = 0): Promise<void> {
    const now = Date.now();
    const { sql } = this.ctx.storage;
    const times = [this.#batches.nextExpiry(), this.#lines.nextResend()].filter(
      (at) => at !== null,
    );
    if (this.#lines.toSend().length > 0) times.push(now);
    if (this.#lines.toWrite().length > 0) times.push(now + WRITE_AFTER_MS);
    if (sql.exec("SELECT 1 FROM purge LIMIT 1").toArray().length > 0) times.push(now + RETRY_MS);
    if (times.length === 0) return;
    const at = Math.max(Math.min(...times), now + pauseMs);
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > at) await this.ctx.storage.setAlarm(at);
  }

  #atomic<Value>(change: () => Value): Value {
    return this.ctx.storage.transactionSync(change);
  }
}
