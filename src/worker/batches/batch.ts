/**
 * A batch: many questions in one file, answered when there is room. Names follow OpenAI's Batch API where it has them.
 * `TenantBatches` is the port to a tenant's batches. A Durable Object stands behind it, so a line that the queue
 * delivers twice is answered and counted once.
 */

import { retried, stubOf } from "../ledger/durable.ts";

export const BATCH_STATUSES = [
  "validating",
  "in_progress",
  "finalizing",
  "completed",
  "cancelling",
  "cancelled",
] as const;

/**
 * - `validating`: its lines are being read in. - `in_progress`: they are being answered.
 * - `finalizing`, `cancelling`: nothing more is asked, the last outcomes are being written.
 */
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** Times in milliseconds since 1970; null: it has not happened yet. */
export interface Batch {
  readonly id: string;
  readonly status: BatchStatus;
  /** Who sent it, as in `Caller`. */
  readonly keyId: string;
  readonly principal: string;
  readonly createdAt: number;
  readonly inProgressAt: number | null;
  readonly finalizingAt: number | null;
  readonly completedAt: number | null;
  readonly cancellingAt: number | null;
  readonly cancelledAt: number | null;
  /** When all that is kept of it is deleted. */
  readonly expiresAt: number;
  /** Lines: all, answered, and those whose outcome is an error. */
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
}

export interface NewBatch {
  readonly id: string;
  readonly tenant: string;
  /** `Caller` as JSON: lines are answered in its name and by its quota. */
  readonly caller: string;
  readonly keyId: string;
  readonly principal: string;
  readonly keepMs: number;
  /** If the queue is silent for this long, the lines are sent again. Longer than any pause between tries. */
  readonly stallMs: number;
  /** Keyed hash of an Idempotency-Key and its sender, and for how long it is remembered. */
  readonly replay: { readonly id: string; readonly keepMs: number } | null;
}

export type CreateResult =
  | { readonly kind: "new" }
  /** Same Idempotency-Key; the fingerprint is null while the first upload still runs. */
  | { readonly kind: "known"; readonly batch: Batch; readonly fingerprint: string | null }
  /** The tenant has too many unfinished batches. */
  | { readonly kind: "too_many" };

/** What came in with the upload. */
export interface Uploaded {
  /** Number of the first line of each chunk, ascending from 0. */
  readonly chunks: readonly number[];
  readonly lines: number;
  /** Keyed hash of all lines. */
  readonly fingerprint: string;
}

export type Claim =
  /** The line is the claimant's until the lease ends. `attempt` counts from 1. */
  | { readonly kind: "yours"; readonly attempt: number; readonly caller: string }
  /** Given up: it was tried too often. The claimant writes down that it failed. */
  | { readonly kind: "exhausted" }
  | { readonly kind: "running"; readonly forMs: number }
  | { readonly kind: "done" }
  /** Cancelled, deleted, expired, or never there. */
  | { readonly kind: "gone" };

/** A line's outcome, encrypted. */
export interface LineOutcome {
  readonly failed: boolean;
  readonly sealed: Uint8Array;
}

export interface TenantBatches {
  create(batch: NewBatch): Promise<CreateResult>;
  /** Tells that the upload goes on. An upload that is silent for some minutes counts as dead. */
  uploading(id: string): Promise<void>;
  /** Ends the upload; the lines go to the queue. Null: the batch is gone. */
  uploaded(id: string, uploaded: Uploaded): Promise<Batch | null>;
  get(id: string): Promise<Batch | null>;
  /** Newest first. `after`: only those older than this batch. `principal`: only this sender's; null: all senders'. */
  list(query: {
    readonly limit: number;
    readonly after: string | null;
    readonly principal: string | null;
  }): Promise<Batch[]>;
  /** @param leaseMs milliseconds after which a silent claimant counts as dead */
  claim(id: string, line: number, leaseMs: number): Promise<Claim>;
  /** Stores the outcome, once. False: another claimant has stored one, or the batch is gone. */
  finish(id: string, line: number, outcome: LineOutcome): Promise<boolean>;
  /** Ends a claim without an outcome. The line may be claimed again. @param counts whether it was one of its attempts */
  letGo(id: string, line: number, counts: boolean): Promise<void>;
  /** No further line is begun. Null where there is none. */
  cancel(id: string): Promise<Batch | null>;
  /** Deletes all of it. False where there is none. */
  remove(id: string): Promise<boolean>;
}

/** What the queue carries: where a line is, never its content. */
export interface LineMessage {
  readonly tenant: string;
  readonly batch: string;
  readonly chunk: number;
  /** From 0, over the whole batch. */
  readonly line: number;
  /** Of the chunk's first line. */
  readonly first: number;
}

/** Where a batch's content lies in the bucket. */
export function batchPrefix(tenant: string, id: string): string {
  return `batches/${tenant}/${id}/`;
}

/** 122 random bits. */
export function newBatchId(): string {
  return `batch_${crypto.randomUUID().replaceAll("-", "")}`;
}

/** The object's methods as its namespace has them. */
type BatchMethods = Omit<TenantBatches, "remove"> & {
  remove(id: string, tenant: string): Promise<boolean>;
};
export type BatchNamespace = DurableObjectNamespace<BatchMethods & Rpc.DurableObjectBranded>;

/** A tenant's batches behind their Durable Object. */
export function durableBatches(
  namespace: BatchNamespace,
  tenant: string,
  jurisdiction: DurableObjectJurisdiction | null,
): TenantBatches {
  const stub = () => stubOf(namespace, tenant, jurisdiction);
  return {
    // Neither call is repeated: the first try may have made the batch, or counted as an attempt.
    create: async (batch) => stub().create(batch),
    claim: async (id, line, leaseMs) => stub().claim(id, line, leaseMs),
    uploading: async (id) => stub().uploading(id),
    uploaded: (id, uploaded) => retried(() => stub().uploaded(id, uploaded)),
    get: (id) => retried(() => stub().get(id)),
    list: (query) => retried(() => stub().list(query)),
    finish: (id, line, outcome) => retried(() => stub().finish(id, line, outcome)),
    letGo: async (id, line, counts) => stub().letGo(id, line, counts),
    cancel: (id) => retried(() => stub().cancel(id)),
    remove: (id) => retried(() => stub().remove(id, tenant)),
  };
}
