/** The tables behind usageTables.ts, and how objects that an older version filled get their newer columns. */

/** Days are `YYYY-MM-DD` in UTC, times milliseconds since 1970. No column can hold content. */
const TABLES = `
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
`;

/** Columns that came later: an object that was filled before has rows without money, which count as free. */
const ADDED = {
  reservation: {
    cost_micros: "INTEGER NOT NULL DEFAULT 0",
    /** The most that the request can cost. */
    worst_micros: "INTEGER NOT NULL DEFAULT 0",
    /** The hash of a token's subject; "": a key's request. */
    user: "TEXT NOT NULL DEFAULT ''",
    /** The estimate's parts by LLM: a JSON list of `LlmSpent`. */
    llms: "TEXT NOT NULL DEFAULT '[]'",
  },
  usage: {
    cost_micros: "INTEGER NOT NULL DEFAULT 0",
    unpriced_requests: "INTEGER NOT NULL DEFAULT 0",
  },
} as const;
const INDEX = `
    CREATE INDEX IF NOT EXISTS reservation_user ON reservation (user, day) WHERE held = 1;
`;

/** Makes the tables, and adds what an older version had not. */
export function makeUsageTables(sql: SqlStorage): void {
  sql.exec(TABLES);
  for (const [table, columns] of Object.entries(ADDED)) {
    const there = sql.exec<{ name: string }>(`SELECT name FROM pragma_table_info('${table}')`);
    const names = new Set(there.toArray().map(({ name }) => name));
    for (const [name, type] of Object.entries(columns)) {
      if (!names.has(name)) sql.exec(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}`);
    }
  }
  sql.exec(INDEX);
}
