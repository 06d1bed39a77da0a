/** Lines of batches in SQLite: who works at them, and their outcomes until these are in the bucket. Synchronous. */
import { joined, partsOf } from "../ledger/durable.ts";
import type { Claim, LineMessage, LineOutcome } from "./batch.ts";

/** A line that was tried this often is given up: it seems to kill whoever tries it. */
export const MAX_ATTEMPTS = 5;

/**
 * Lines that a tenant has in the queue at most, taken or not. The queue is one for all tenants, first come, first served:
 * so a line waits for at most so many of each other tenant, however large their batches are.
 */
export const IN_QUEUE = 32;
/** Lines of one batch that are sent before it is another batch's turn. */
const A_TURN = 8;

/** An outcome that has not been written to the bucket yet. */
export interface PendingOutcome extends LineOutcome {
  readonly line: number;
}

/** Times are milliseconds since 1970. Content stands in `outcome` alone, encrypted. */
const TABLES = `
    CREATE TABLE IF NOT EXISTS line (
      batch TEXT NOT NULL,
      line INTEGER NOT NULL,
      done INTEGER NOT NULL,
      attempt INTEGER NOT NULL,
      lease_until INTEGER NOT NULL,
      PRIMARY KEY (batch, line)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS outcome (
      batch TEXT NOT NULL,
      line INTEGER NOT NULL,
      part INTEGER NOT NULL,
      failed INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (batch, line, part)
    );
`;

export class LineTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    sql.exec(TABLES);
    this.#sql = sql;
  }

  claim(id: string, line: number, leaseMs: number, now: number): Claim {
    const [batch] = this.#sql
      .exec<{ caller: string }>(
        "SELECT caller FROM batch WHERE id = ? AND status = 'in_progress' AND total > ?",
        id,
        line,
      )
      .toArray();
    if (batch === undefined) return { kind: "gone" };
    this.#sql.exec("UPDATE batch SET active_at = ? WHERE id = ?", now, id);
    const [row] = this.#sql
      .exec<{ done: number; attempt: number; lease_until: number }>(
        "SELECT done, attempt, lease_until FROM line WHERE batch = ? AND line = ?",
        id,
        line,
      )
      .toArray();
    if (row?.done === 1) return { kind: "done" };
    if (row !== undefined && row.lease_until > now) {
      return { kind: "running", forMs: row.lease_until - now };
    }
    const attempt = (row?.attempt ?? 0) + 1;
    if (attempt > MAX_ATTEMPTS) return { kind: "exhausted" };
    this.#sql.exec(
      `INSERT INTO line (batch, line, done, attempt, lease_until) VALUES (?, ?, 0, ?, ?)
       ON CONFLICT DO UPDATE SET attempt = excluded.attempt, lease_until = excluded.lease_until`,
      id,
      line,
      attempt,
      now + leaseMs,
    );
    return { kind: "yours", attempt, caller: batch.caller };
  }

  /** Takes one outcome for each line, also after its lease ended or its batch was cancelled: no answer is lost. */
  finish(id: string, line: number, { failed, sealed }: LineOutcome): boolean {
    const known = this.#sql.exec(
      `UPDATE line SET done = 1 WHERE batch = ?1 AND line = ?2 AND done = 0
         AND EXISTS (SELECT 1 FROM batch WHERE id = ?1) RETURNING line`,
      id,
      line,
    );
    if (known.toArray().length === 0) return false;
    this.#sql.exec(
      `UPDATE batch SET ${failed ? "failed = failed" : "completed = completed"} + 1 WHERE id = ?`,
      id,
    );
    partsOf(sealed).forEach((bytes, part) => {
      this.#sql.exec(
        "INSERT INTO outcome (batch, line, part, failed, bytes) VALUES (?, ?, ?, ?, ?)",
        id,
        line,
        part,
        failed ? 1 : 0,
        bytes,
      );
    });
    return true;
  }

  letGo(id: string, line: number, counts: boolean): void {
    this.#sql.exec(
      "UPDATE line SET lease_until = 0, attempt = attempt - ? WHERE batch = ? AND line = ? AND done = 0",
      counts ? 0 : 1,
      id,
      line,
    );
  }

  /** Outcomes of the first lines that have some, up to about `bytes` together. */
  pending(id: string, bytes: number): PendingOutcome[] {
    const found: { line: number; failed: boolean; parts: ArrayBuffer[] }[] = [];
    let size = 0;
    const rows = this.#sql.exec<{ line: number; failed: number; bytes: ArrayBuffer }>(
      "SELECT line, failed, bytes FROM outcome WHERE batch = ? ORDER BY line, part",
      id,
    );
    for (const row of rows) {
      const last = found.at(-1);
      if (last?.line === row.line) last.parts.push(row.bytes);
      else if (size >= bytes) break;
      else found.push({ line: row.line, failed: row.failed === 1, parts: [row.bytes] });
      size += row.bytes.byteLength;
    }
    return found.map(({ parts, ...rest }) => ({ ...rest, sealed: joined(parts) }));
  }

  /** Deletes outcomes that are in the bucket now. The next segment gets the next number. */
  written(id: string, lines: readonly number[]): void {
    for (const line of lines) {
      this.#sql.exec("DELETE FROM outcome WHERE batch = ? AND line = ?", id, line);
    }
    this.#sql.exec("UPDATE batch SET segments = segments + 1 WHERE id = ?", id);
  }

  /** How many outcomes of a batch have not been written to the bucket yet. */
  waiting(id: string): number {
    return this.#sql
      .exec<{ n: number }>("SELECT COUNT(*) AS n FROM outcome WHERE batch = ? AND part = 0", id)
      .one().n;
  }

  /** Batches with outcomes to write, or whose end waits for it, with the number of their next segment. */
  toWrite(): { id: string; tenant: string; segment: number }[] {
    return this.#sql
      .exec<{ id: string; tenant: string; segment: number }>(
        `SELECT id, tenant, segments AS segment FROM batch
         WHERE status IN ('finalizing', 'cancelling') OR id IN (SELECT DISTINCT batch FROM outcome)`,
      )
      .toArray();
  }

  /** The next lines for the queue, of the batch that has the fewest there; none while the tenant's share is in it. */
  toSend(): LineMessage[] {
    const { n } = this.#sql
      .exec<{ n: number }>(
        `SELECT COALESCE(SUM(MAX(0, sent - completed - failed)), 0) AS n FROM batch WHERE status = 'in_progress'`,
      )
      .one();
    return this.#sql
      .exec<LineMessage & Record<string, SqlStorageValue>>(
        `WITH RECURSIVE next AS (SELECT id, tenant, sent, total FROM batch
             WHERE status = 'in_progress' AND sent < total AND ?1 > 0
             ORDER BY sent - completed - failed, created_at LIMIT 1),
           line AS (SELECT sent AS n FROM next UNION ALL
             SELECT n + 1 FROM line, next WHERE n + 1 < MIN(total, sent + ?1))
         SELECT next.tenant AS tenant, next.id AS batch, line.n AS line, c.chunk AS chunk, c.first_line AS first
         FROM line, next JOIN chunk c ON c.batch = next.id AND c.chunk =
           (SELECT MAX(chunk) FROM chunk WHERE batch = next.id AND first_line <= line.n)`,
        Math.min(A_TURN, IN_QUEUE - n),
      )
      .toArray()
      .map(({ tenant, batch, chunk, line, first }) => ({ tenant, batch, chunk, line, first }));
  }

  sent(id: string, upTo: number, now: number): void {
    this.#sql.exec("UPDATE batch SET sent = ?, active_at = ? WHERE id = ?", upTo, now, id);
  }

  /**
   * Sends again, from the first line that is not done, what was sent and not heard of for too long: the queue has lost
   * it, or keeps it for longer than anyone should wait. Lines that it brings twice are claimed once.
   */
  resend(now: number): void {
    this.#sql.exec(
      `UPDATE batch SET sent = IIF(
         EXISTS (SELECT 1 FROM line WHERE batch = batch.id AND line = 0 AND done = 1),
         (SELECT MIN(l.line) + 1 FROM line l WHERE l.batch = batch.id AND l.done = 1 AND NOT EXISTS
           (SELECT 1 FROM line m WHERE m.batch = l.batch AND m.line = l.line + 1 AND m.done = 1)),
         0)
       WHERE status = 'in_progress' AND sent > completed + failed AND active_at + stall_ms <= ?`,
      now,
    );
  }

  /** When the first batch will have been silent for too long. */
  nextResend(): number | null {
    return this.#sql
      .exec<{ at: number | null }>(
        "SELECT MIN(active_at + stall_ms) AS at FROM batch WHERE status = 'in_progress' AND sent > completed + failed",
      )
      .one().at;
  }
}
