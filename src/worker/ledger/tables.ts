/** The ledger's tables. Days are `YYYY-MM-DD` in UTC, times milliseconds since 1970. No column can hold content. */

/** Made at every start of the object; nothing happens where they are there. */
export function makeTables(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS reservation (
      request_id TEXT PRIMARY KEY,
      key_id TEXT NOT NULL,
      day TEXT NOT NULL,
      held INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      adapter TEXT NOT NULL,
      requests INTEGER NOT NULL,
      candidates INTEGER NOT NULL,
      adapter_tokens INTEGER NOT NULL,
      prompt_tokens INTEGER NOT NULL,
      completion_tokens INTEGER NOT NULL,
      llm_requests INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS reservation_held ON reservation (key_id, day) WHERE held = 1;
    CREATE INDEX IF NOT EXISTS reservation_expiry ON reservation (expires_at);
    CREATE TABLE IF NOT EXISTS usage (
      key_id TEXT NOT NULL,
      day TEXT NOT NULL,
      adapter TEXT NOT NULL,
      estimated INTEGER NOT NULL,
      requests INTEGER NOT NULL,
      candidates INTEGER NOT NULL,
      adapter_tokens INTEGER NOT NULL,
      prompt_tokens INTEGER NOT NULL,
      completion_tokens INTEGER NOT NULL,
      llm_requests INTEGER NOT NULL,
      PRIMARY KEY (key_id, day, adapter, estimated)
    ) WITHOUT ROWID;
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
  `);
}

/** Columns of `Counts`, in one order for all statements. */
export const COUNT_COLUMNS =
  "requests, candidates, adapter_tokens, prompt_tokens, completion_tokens, llm_requests";
