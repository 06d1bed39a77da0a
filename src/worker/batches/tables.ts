/** Tables of a tenant's batches. Times are milliseconds since 1970. Content stands in `outcome` alone, encrypted. */

/** Made at every start of the object; nothing happens where they are there. */
export function makeTables(sql: SqlStorage): void {
  sql.exec(`
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
    CREATE TABLE IF NOT EXISTS purge (prefix TEXT PRIMARY KEY) WITHOUT ROWID;
  `);
}
