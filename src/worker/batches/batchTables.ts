/** Batches in SQLite: their states and what changes them. Synchronous; the object wraps calls into transactions. */
import {
  type Batch,
  type BatchStatus,
  batchPrefix,
  type NewBatch,
  type Uploaded,
} from "./batch.ts";

/** Milliseconds. An upload that is silent for longer counts as dead, and what it left is deleted. */
export const UPLOAD_LEASE_MS = 300_000;
/** The most unfinished batches that a tenant may have, and of them one user of its app. */
const MAX_OPEN = 50;
const MAX_OPEN_BY_USER = 10;

type Row = {
  id: string;
  status: BatchStatus;
  key_id: string;
  principal: string;
  created_at: number;
  in_progress_at: number | null;
  finalizing_at: number | null;
  completed_at: number | null;
  cancelling_at: number | null;
  cancelled_at: number | null;
  expires_at: number;
  total: number;
  completed: number;
  failed: number;
};

/** Times are milliseconds since 1970. No column can hold content. */
const TABLES = `
    CREATE TABLE IF NOT EXISTS batch (
      id TEXT PRIMARY KEY,
      tenant TEXT NOT NULL,
      status TEXT NOT NULL,
      caller TEXT NOT NULL,
      key_id TEXT NOT NULL,
      principal TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      in_progress_at INTEGER,
      finalizing_at INTEGER,
      completed_at INTEGER,
      cancelling_at INTEGER,
      cancelled_at INTEGER,
      keep_ms INTEGER NOT NULL,
      stall_ms INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      total INTEGER NOT NULL DEFAULT 0,
      completed INTEGER NOT NULL DEFAULT 0,
      failed INTEGER NOT NULL DEFAULT 0,
      sent INTEGER NOT NULL DEFAULT 0,
      active_at INTEGER NOT NULL DEFAULT 0,
      segments INTEGER NOT NULL DEFAULT 0,
      replay_id TEXT,
      replay_until INTEGER,
      fingerprint TEXT
    );
    CREATE INDEX IF NOT EXISTS batch_expiry ON batch (expires_at);
    CREATE UNIQUE INDEX IF NOT EXISTS batch_replay ON batch (replay_id) WHERE replay_id IS NOT NULL;
    CREATE TABLE IF NOT EXISTS chunk (
      batch TEXT NOT NULL,
      chunk INTEGER NOT NULL,
      first_line INTEGER NOT NULL,
      PRIMARY KEY (batch, chunk)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS purge (prefix TEXT PRIMARY KEY) WITHOUT ROWID;
`;

export class BatchTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    sql.exec(TABLES);
    this.#sql = sql;
  }

  /** Records a batch before its lines are read. Returns false if too many are open. */
  create(batch: NewBatch, now: number): boolean {
    const open = this.#sql.exec<{ n: number; own: number }>(
      `SELECT COUNT(*) AS n, COUNT(*) FILTER (WHERE principal = ?) AS own FROM batch
       WHERE completed_at IS NULL AND cancelled_at IS NULL`,
      batch.principal,
    );
    const { n, own } = open.one();
    // A key is a server's: it may use all that its tenant has.
    const isUser = batch.keyId === "token";
    if (n >= MAX_OPEN || (isUser && own >= MAX_OPEN_BY_USER)) return false;
    const { id, tenant, caller, keyId, principal, keepMs, stallMs, replay } = batch;
    this.#sql.exec(
      `INSERT INTO batch (id, tenant, status, caller, key_id, principal, created_at, keep_ms, stall_ms, expires_at,
         replay_id, replay_until)
       VALUES (?, ?, 'validating', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      tenant,
      caller,
      keyId,
      principal,
      now,
      keepMs,
      stallMs,
      now + UPLOAD_LEASE_MS,
      replay?.id ?? null,
      replay === null ? null : now + replay.keepMs,
    );
    return true;
  }

  /** Records that the upload goes on. */
  uploading(id: string, now: number): void {
    this.#sql.exec(
      "UPDATE batch SET expires_at = ? WHERE id = ? AND status = 'validating'",
      now + UPLOAD_LEASE_MS,
      id,
    );
  }

  /** The batch that an Idempotency-Key made, while the key is remembered. */
  replayOf(replayId: string, now: number): { batch: Batch; fingerprint: string | null } | null {
    this.#sql.exec(
      "UPDATE batch SET replay_id = NULL WHERE replay_id = ? AND replay_until <= ?",
      replayId,
      now,
    );
    const [row] = this.#sql
      .exec<Row & { fingerprint: string | null }>(
        "SELECT * FROM batch WHERE replay_id = ?",
        replayId,
      )
      .toArray();
    return row === undefined ? null : { batch: batchOf(row), fingerprint: row.fingerprint };
  }

  /** From `validating` to `in_progress`. False: it is not in `validating`, or is gone. */
  begin(id: string, { chunks, lines, fingerprint }: Uploaded, now: number): boolean {
    const begun = this.#sql.exec(
      `UPDATE batch SET status = 'in_progress', in_progress_at = ?2, expires_at = ?2 + keep_ms, total = ?3,
         fingerprint = ?4
       WHERE id = ?1 AND status = 'validating' RETURNING id`,
      id,
      now,
      lines,
      fingerprint,
    );
    if (begun.toArray().length === 0) return false;
    chunks.forEach((first, chunk) => {
      this.#sql.exec(
        "INSERT INTO chunk (batch, chunk, first_line) VALUES (?, ?, ?)",
        id,
        chunk,
        first,
      );
    });
    return true;
  }

  get(id: string): Batch | null {
    const [row] = this.#sql.exec<Row>("SELECT * FROM batch WHERE id = ?", id).toArray();
    return row === undefined ? null : batchOf(row);
  }

  list(limit: number, after: string | null, principal: string | null): Batch[] {
    return this.#sql
      .exec<Row>(
        `SELECT * FROM batch WHERE (?1 IS NULL OR principal = ?1)
           AND (?2 IS NULL OR (created_at, id) < (SELECT created_at, id FROM batch WHERE id = ?2))
         ORDER BY created_at DESC, id DESC LIMIT ?3`,
        principal,
        after,
        limit,
      )
      .toArray()
      .map(batchOf);
  }

  /** Begins to cancel the batch. A batch that has ended stays as it is. */
  cancel(id: string, now: number): void {
    this.#sql.exec(
      `UPDATE batch SET status = 'cancelling', cancelling_at = ?
       WHERE id = ? AND status IN ('validating', 'in_progress')`,
      now,
      id,
    );
  }

  /** To `finalizing`, where every line has its outcome. */
  finalize(id: string, now: number): void {
    this.#sql.exec(
      `UPDATE batch SET status = 'finalizing', finalizing_at = ?
       WHERE id = ? AND status = 'in_progress' AND completed + failed = total`,
      now,
      id,
    );
  }

  /** The end, where all outcomes are written; its input is no longer needed. */
  close(id: string, now: number): void {
    const closed = this.#sql.exec<{ tenant: string }>(
      `UPDATE batch SET
         completed_at = CASE WHEN status = 'finalizing' THEN ?2 END,
         cancelled_at = CASE WHEN status = 'cancelling' THEN ?2 END,
         status = CASE status WHEN 'finalizing' THEN 'completed' ELSE 'cancelled' END
       WHERE id = ?1 AND status IN ('finalizing', 'cancelling') RETURNING tenant`,
      id,
      now,
    );
    for (const { tenant } of closed.toArray()) this.#purge(`${batchPrefix(tenant, id)}input/`);
  }

  /**
   * Forgets a batch; its content is to be deleted: also of one that has been forgotten before, whose upload may have gone
   * on meanwhile.
   */
  remove(id: string, tenant: string): boolean {
    const known = this.#sql.exec("DELETE FROM batch WHERE id = ? RETURNING id", id).toArray();
    for (const table of ["chunk", "line", "outcome"]) {
      this.#sql.exec(`DELETE FROM ${table} WHERE batch = ?`, id);
    }
    this.#purge(batchPrefix(tenant, id));
    return known.length > 0;
  }

  /** Batches that have expired. */
  expired(now: number): { id: string; tenant: string }[] {
    return this.#sql
      .exec<{ id: string; tenant: string }>(
        "SELECT id, tenant FROM batch WHERE expires_at <= ?",
        now,
      )
      .toArray();
  }

  nextExpiry(): number | null {
    return this.#sql.exec<{ at: number | null }>("SELECT MIN(expires_at) AS at FROM batch").one()
      .at;
  }

  #purge(prefix: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO purge (prefix) VALUES (?)", prefix);
  }
}

function batchOf(row: Row): Batch {
  return {
    id: row.id,
    status: row.status,
    keyId: row.key_id,
    principal: row.principal,
    createdAt: row.created_at,
    inProgressAt: row.in_progress_at,
    finalizingAt: row.finalizing_at,
    completedAt: row.completed_at,
    cancellingAt: row.cancelling_at,
    cancelledAt: row.cancelled_at,
    expiresAt: row.expires_at,
    total: row.total,
    completed: row.completed,
    failed: row.failed,
  };
}
