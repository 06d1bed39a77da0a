/**
 * Usage and reservations of a tenant in SQLite. Synchronous: the object that calls it wraps each call into one
 * transaction, so that a request is held, counted or given up, never two of these and never half of one.
 */
import type {
  Counts,
  LimitState,
  Reservation,
  SettleResult,
  Usage,
  UsageQuery,
  UsageRow,
} from "./ledger.ts";

type Admission =
  | { readonly kind: "granted"; readonly limit: LimitState | null }
  | { readonly kind: "quota_exceeded"; readonly limit: LimitState }
  | { readonly kind: "duplicate" };

/** What SQLite holds where no adapter scored. */
const NO_ADAPTER = "";

/** Columns of `Counts`, in one order for all statements. */
const COUNT_COLUMNS =
  "requests, candidates, adapter_tokens, prompt_tokens, completion_tokens, llm_requests";

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

export class UsageTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    sql.exec(TABLES);
    this.#sql = sql;
  }

  /** Holds a place for the request, if its key's month has one left. */
  reserve(reservation: Reservation, now: number): Admission {
    const { requestId, keyId, quota, estimate } = reservation;
    const known = this.#sql.exec("SELECT 1 FROM reservation WHERE request_id = ?", requestId);
    if (known.toArray().length > 0) return { kind: "duplicate" };
    const used = quota === null ? 0 : this.#usedInMonth(keyId, now);
    const resetMs = startOfNextMonth(now) - now;
    if (quota !== null && used >= quota) {
      return { kind: "quota_exceeded", limit: { limit: quota, remaining: 0, resetMs } };
    }
    this.#sql.exec(
      `INSERT INTO reservation (request_id, key_id, day, held, expires_at, adapter, ${COUNT_COLUMNS})
       VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)`,
      requestId,
      keyId,
      dayOf(now),
      now + reservation.holdMs,
      estimate.adapter ?? NO_ADAPTER,
      ...countsOf(estimate),
    );
    const limit = quota === null ? null : { limit: quota, remaining: quota - used - 1, resetMs };
    return { kind: "granted", limit };
  }

  /** Counts the request on the day it was reserved. */
  settle(requestId: string, usage: Usage): SettleResult {
    const held = this.#letGo(requestId);
    if (held === null) return "none";
    this.#count(held.key_id, held.day, usage.adapter ?? NO_ADAPTER, 0, countsOf(usage));
    return "settled";
  }

  /** Forgets the reservation: the request cost nothing. */
  release(requestId: string): SettleResult {
    return this.#letGo(requestId) === null ? "none" : "settled";
  }

  /** Counts those that nobody settled in time by their estimates, flagged; forgets what is past. */
  sweep(now: number): void {
    const orphans = this.#sql.exec<OrphanRow>(
      `SELECT key_id, day, adapter, ${COUNT_COLUMNS} FROM reservation
       WHERE held = 1 AND expires_at <= ?`,
      now,
    );
    for (const orphan of orphans.toArray()) {
      const { key_id, day, adapter } = orphan;
      this.#count(key_id, day, adapter, 1, countsOf(countsIn(orphan)));
    }
    this.#sql.exec("DELETE FROM reservation WHERE expires_at <= ?", now);
  }

  /** When the next reservation expires; null where there is none. */
  nextExpiry(): number | null {
    return this.#sql
      .exec<{ at: number | null }>("SELECT MIN(expires_at) AS at FROM reservation")
      .one().at;
  }

  usage({ from, to, groupBy, keyId }: UsageQuery): UsageRow[] {
    const columns = { day: "day", key: "key_id", adapter: "adapter" } as const;
    const groups = groupBy.map((group) => columns[group]).join(", ");
    const rows = this.#sql.exec<UsageSums>(
      `SELECT ${groups === "" ? "" : `${groups},`}
         SUM(requests) AS requests, SUM(candidates) AS candidates,
         SUM(adapter_tokens) AS adapter_tokens, SUM(prompt_tokens) AS prompt_tokens,
         SUM(completion_tokens) AS completion_tokens, SUM(llm_requests) AS llm_requests,
         SUM(CASE WHEN estimated = 1 THEN requests ELSE 0 END) AS estimated_requests
       FROM usage WHERE day >= ? AND day <= ? AND (? IS NULL OR key_id = ?)
       ${groups === "" ? "HAVING COUNT(*) > 0" : `GROUP BY ${groups} ORDER BY ${groups}`}`,
      from,
      to,
      keyId,
      keyId,
    );
    return rows.toArray().map(usageRow);
  }

  #letGo(requestId: string): { key_id: string; day: string } | null {
    const rows = this.#sql.exec<{ key_id: string; day: string }>(
      "UPDATE reservation SET held = 0 WHERE request_id = ? AND held = 1 RETURNING key_id, day",
      requestId,
    );
    return rows.toArray()[0] ?? null;
  }

  #count(
    keyId: string,
    day: string,
    adapter: string,
    estimated: 0 | 1,
    counts: readonly number[],
  ): void {
    // What cost nothing was held for its Idempotency-Key alone.
    if (counts.every((count) => count === 0)) return;
    this.#sql.exec(
      `INSERT INTO usage (key_id, day, adapter, estimated, ${COUNT_COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET
         requests = requests + excluded.requests,
         candidates = candidates + excluded.candidates,
         adapter_tokens = adapter_tokens + excluded.adapter_tokens,
         prompt_tokens = prompt_tokens + excluded.prompt_tokens,
         completion_tokens = completion_tokens + excluded.completion_tokens,
         llm_requests = llm_requests + excluded.llm_requests`,
      keyId,
      day,
      adapter,
      estimated,
      ...counts,
    );
  }

  /** Requests of the key's month: counted, and held now. What is free is held as none. */
  #usedInMonth(keyId: string, now: number): number {
    const first = `${dayOf(now).slice(0, 7)}-01`;
    return this.#sql
      .exec<{ used: number }>(
        `SELECT (SELECT COALESCE(SUM(requests), 0) FROM usage WHERE key_id = ?1 AND day >= ?2)
              + (SELECT COALESCE(SUM(requests), 0) FROM reservation WHERE key_id = ?1 AND day >= ?2 AND held = 1)
              AS used`,
        keyId,
        first,
      )
      .one().used;
  }
}

type CountRow = {
  requests: number;
  candidates: number;
  adapter_tokens: number;
  prompt_tokens: number;
  completion_tokens: number;
  llm_requests: number;
};
type OrphanRow = CountRow & { key_id: string; day: string; adapter: string };
type UsageSums = CountRow & {
  day?: string;
  key_id?: string;
  adapter?: string;
  estimated_requests: number;
};

function countsIn(row: CountRow): Counts {
  return {
    requests: row.requests,
    candidates: row.candidates,
    adapterTokens: row.adapter_tokens,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    llmRequests: row.llm_requests,
  };
}

function usageRow(sums: UsageSums): UsageRow {
  return {
    ...(sums.day === undefined ? {} : { day: sums.day }),
    ...(sums.key_id === undefined ? {} : { key: sums.key_id }),
    ...(sums.adapter === undefined ? {} : { adapter: sums.adapter || null }),
    ...countsIn(sums),
    estimatedRequests: sums.estimated_requests,
  };
}

/** The most of anything that one request is counted for. A million such requests still add up exactly in a double. */
const MOST_PER_REQUEST = 1_000_000_000;

/** In the order of `COUNT_COLUMNS`. An LLM may claim any number of tokens: one that is none counts as none. */
function countsOf(counts: Counts): number[] {
  const { requests, candidates, adapterTokens, promptTokens, completionTokens, llmRequests } =
    counts;
  return [requests, candidates, adapterTokens, promptTokens, completionTokens, llmRequests].map(
    (count) => (count >= 0 ? Math.min(Math.floor(count), MOST_PER_REQUEST) : 0),
  );
}

/** The day in UTC, `YYYY-MM-DD`. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function startOfNextMonth(time: number): number {
  const date = new Date(time);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
