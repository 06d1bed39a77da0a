/**
 * Answers kept for retries with the same Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header). All that is
 * readable here are keyed hashes, a status, a content type and times: bodies come encrypted.
 */
import { joined, partsOf } from "./durable.ts";
import type { ReplayWish, Running, SealedAnswer } from "./ledger.ts";

/** Bytes of answers that a tenant keeps at most. A Durable Object holds 10 GB, and all of this is in one of them. */
export const MOST_BYTES = 64 * 2 ** 20;
/** Keys that a tenant keeps at most, with or without an answer. */
const MOST_KEYS = 20_000;
/** A larger answer is not kept: a retry runs anew. */
const MOST_ANSWER_BYTES = 4 * 2 ** 20;

export type Lookup =
  | { readonly kind: "new" }
  | { readonly kind: "replay"; readonly answer: SealedAnswer }
  | { readonly kind: "other_body" }
  | Running;

/** Times are milliseconds since 1970. No column can hold content that is not encrypted. */
const TABLES = `
    CREATE TABLE IF NOT EXISTS replay (
      id TEXT PRIMARY KEY,
      fingerprint TEXT NOT NULL,
      request_id TEXT NOT NULL UNIQUE,
      status INTEGER,
      content_type TEXT,
      expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS replay_expiry ON replay (expires_at);
    CREATE TABLE IF NOT EXISTS replay_part (
      id TEXT NOT NULL,
      part INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (id, part)
    );
`;

export class Replays {
  readonly #sql: SqlStorage;
  /** What is kept, with the answers' bytes; null: to be counted again. */
  #kept: { bytes: number; keys: number } | null = null;

  constructor(sql: SqlStorage) {
    sql.exec(TABLES);
    this.#sql = sql;
  }

  /** What is known of this key. */
  find({ id, fingerprint, keepMs }: ReplayWish, now: number): Lookup {
    const [row] = this.#sql
      .exec<ReplayRow>(
        `SELECT fingerprint, status, content_type, expires_at,
           (SELECT r.expires_at FROM reservation r WHERE r.request_id = replay.request_id) AS held_until
         FROM replay WHERE id = ? AND expires_at > ?`,
        id,
        now,
      )
      .toArray();
    if (row === undefined) return { kind: "new" };
    const leftMs = (row.held_until ?? 0) - now;
    if (row.status === null && leftMs <= 0) return { kind: "new" }; // it died, though the alarm be late
    if (row.fingerprint !== fingerprint) return { kind: "other_body" };
    if (row.status === null || row.content_type === null) {
      return { kind: "running", ranMs: now - (row.expires_at - keepMs), leftMs };
    }
    const { status, content_type: contentType } = row;
    return { kind: "replay", answer: { status, contentType, sealed: this.#read(id) } };
  }

  /** Notes that the first request with this key runs. */
  begin({ id, fingerprint, keepMs }: ReplayWish, requestId: string, now: number): void {
    this.#delete("id = ?", id);
    this.#sql.exec(
      "INSERT INTO replay (id, fingerprint, request_id, expires_at) VALUES (?, ?, ?, ?)",
      id,
      fingerprint,
      requestId,
      now + keepMs,
    );
  }

  /** Keeps the answer until the time set when the request began. */
  keep(requestId: string, { status, contentType, sealed }: SealedAnswer): void {
    const [row] = this.#sql
      .exec<{ id: string }>(
        "UPDATE replay SET status = ?, content_type = ? WHERE request_id = ? AND status IS NULL RETURNING id",
        status,
        contentType,
        requestId,
      )
      .toArray();
    if (row === undefined) return;
    if (sealed.byteLength > MOST_ANSWER_BYTES) {
      this.#delete("id = ?", row.id);
      return;
    }
    this.#makeRoom(sealed.byteLength);
    partsOf(sealed).forEach((bytes, part) => {
      this.#sql.exec(
        "INSERT INTO replay_part (id, part, bytes) VALUES (?, ?, ?)",
        row.id,
        part,
        bytes,
      );
    });
  }

  /** Deletes the oldest answers until there is room for one more. What still runs stays: its retries must wait for it. */
  #makeRoom(bytes: number): void {
    this.#kept ??= this.#sql
      .exec<{ bytes: number; keys: number }>(
        `SELECT (SELECT COALESCE(SUM(length(bytes)), 0) FROM replay_part) AS bytes,
           (SELECT COUNT(*) FROM replay WHERE status IS NOT NULL) AS keys`,
      )
      .one();
    const kept = { bytes: this.#kept.bytes + bytes, keys: this.#kept.keys + 1 };
    if (kept.bytes > MOST_BYTES || kept.keys > MOST_KEYS) {
      const oldest = this.#sql.exec<{ id: string; bytes: number }>(
        `SELECT r.id AS id, SUM(length(p.bytes)) AS bytes FROM replay r JOIN replay_part p ON p.id = r.id
         GROUP BY r.id ORDER BY r.expires_at`,
      );
      // A tenth more than needed, so that not every answer counts all of them again.
      for (const one of oldest.toArray()) {
        if (kept.bytes <= MOST_BYTES * 0.9 && kept.keys <= MOST_KEYS * 0.9) break;
        this.#delete("id = ?", one.id);
        kept.bytes -= one.bytes;
        kept.keys -= 1;
      }
    }
    this.#kept = kept;
  }

  /** Forgets a request that ended without an answer to keep: a retry runs anew. */
  forget(requestId: string): void {
    this.#delete("request_id = ? AND status IS NULL", requestId);
  }

  /** Deletes what has expired, and those running whose reservation is gone. To be called after the books' sweep. */
  sweep(now: number): void {
    this.#delete("expires_at <= ?", now);
    this.#delete(
      "status IS NULL AND NOT EXISTS (SELECT 1 FROM reservation r WHERE r.request_id = replay.request_id)",
    );
  }

  /** When the next answer expires; null where there is none. */
  nextExpiry(): number | null {
    return this.#sql.exec<{ at: number | null }>("SELECT MIN(expires_at) AS at FROM replay").one()
      .at;
  }

  #read(id: string): Uint8Array {
    const parts = this.#sql
      .exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM replay_part WHERE id = ? ORDER BY part", id)
      .toArray();
    return joined(parts.map(({ bytes }) => bytes));
  }

  #delete(where: string, ...values: (string | number)[]): void {
    this.#sql.exec(
      `DELETE FROM replay_part WHERE id IN (SELECT id FROM replay WHERE ${where})`,
      ...values,
    );
    const { rowsWritten } = this.#sql.exec(`DELETE FROM replay WHERE ${where}`, ...values);
    if (rowsWritten > 0) this.#kept = null;
  }
}

type ReplayRow = {
  fingerprint: string;
  status: number | null;
  content_type: string | null;
  expires_at: number;
  held_until: number | null;
};
