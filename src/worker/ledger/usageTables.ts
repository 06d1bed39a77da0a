/**
 * Usage and reservations of a tenant in SQLite. Synchronous: the object that calls it wraps each call into one
 * transaction, so that a request is held, counted or given up, never two of these and never half of one.
 */
import { dayOf, endOf } from "./calendar.ts";
import type {
  Counts,
  LimitState,
  Reservation,
  SettleResult,
  Usage,
  UsageQuery,
  UsageRow,
} from "./ledger.ts";
import {
  type CapState,
  costOfAll,
  hasRoom,
  type LlmSpent,
  type SpendWish,
  type UserSpent,
} from "./spend.ts";
import { type LlmSums, MOST_MICROS, SpendTables, wholeUpTo } from "./spendTables.ts";

type Admission =
  | {
      readonly kind: "granted";
      readonly limit: LimitState | null;
      readonly caps: readonly CapState[];
    }
  | { readonly kind: "quota_exceeded"; readonly limit: LimitState }
  | { readonly kind: "cap_reached"; readonly cap: CapState; readonly caps: readonly CapState[] }
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

/** Nothing that costs money, and nobody's cap: also what older Workers mean who say nothing of it. */
const NO_SPEND: SpendWish = { worstMicros: 0, caps: [], user: null };

export class UsageTables {
  readonly #sql: SqlStorage;
  readonly #spend: SpendTables;

  constructor(sql: SqlStorage) {
    sql.exec(TABLES);
    for (const [table, columns] of Object.entries(ADDED)) {
      const there = sql.exec<{ name: string }>(`SELECT name FROM pragma_table_info('${table}')`);
      const names = new Set(there.toArray().map(({ name }) => name));
      for (const [name, type] of Object.entries(columns)) {
        if (!names.has(name)) sql.exec(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}`);
      }
    }
    sql.exec(INDEX);
    this.#sql = sql;
    this.#spend = new SpendTables(sql);
  }

  /** Holds a place for the request, if its key's month has one left, and its caps leave room for what it can cost. */
  reserve(reservation: Reservation, now: number): Admission {
    const { requestId, keyId, quota, estimate, spend = NO_SPEND } = reservation;
    const known = this.#sql.exec("SELECT 1 FROM reservation WHERE request_id = ?", requestId);
    if (known.toArray().length > 0) return { kind: "duplicate" };
    const used = quota === null ? 0 : this.#usedInMonth(keyId, now);
    const resetMs = endOf("month", now) - now;
    if (quota !== null && used >= quota) {
      return { kind: "quota_exceeded", limit: { limit: quota, remaining: 0, resetMs } };
    }
    const user = spend.user ?? "";
    const caps = this.#spend.states(spend.caps, keyId, user, now);
    const cap = caps.find((state) => !hasRoom(state, spend.worstMicros));
    if (cap !== undefined) return { kind: "cap_reached", cap, caps };
    this.#sql.exec(
      `INSERT INTO reservation (request_id, key_id, day, held, expires_at, adapter, ${COUNT_COLUMNS},
         cost_micros, worst_micros, user, llms)
       VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      requestId,
      keyId,
      dayOf(now),
      now + reservation.holdMs,
      estimate.adapter ?? NO_ADAPTER,
      ...countsOf(estimate),
      costIn(estimate),
      wholeUpTo(spend.worstMicros, MOST_MICROS),
      user,
      JSON.stringify(estimate.llms ?? []),
    );
    const limit = quota === null ? null : { limit: quota, remaining: quota - used - 1, resetMs };
    return { kind: "granted", limit, caps };
  }

  /** What is gone of caps now. */
  caps({ caps, user }: Omit<SpendWish, "worstMicros">, keyId: string, now: number): CapState[] {
    return this.#spend.states(caps, keyId, user ?? "", now);
  }

  topUsers(limit: number, now: number): UserSpent[] {
    return this.#spend.topUsers(limit, now);
  }

  /** Counts the request on the day it was reserved. */
  settle(requestId: string, usage: Usage): SettleResult {
    const held = this.#letGo(requestId);
    if (held === null) return "none";
    this.#count({ ...held, adapter: usage.adapter ?? NO_ADAPTER }, 0, usage);
    return "settled";
  }

  /** Forgets the reservation: the request cost nothing. */
  release(requestId: string): SettleResult {
    return this.#letGo(requestId) === null ? "none" : "settled";
  }

  /** Counts those that nobody settled in time by their estimates, flagged; forgets what is past. */
  sweep(now: number): void {
    const orphans = this.#sql.exec<OrphanRow>(
      `SELECT key_id, day, adapter, user, llms, ${COUNT_COLUMNS} FROM reservation
       WHERE held = 1 AND expires_at <= ?`,
      now,
    );
    for (const orphan of orphans.toArray()) {
      // What `reserve` wrote.
      const llms = JSON.parse(orphan.llms) as LlmSpent[];
      this.#count(orphan, 1, { ...countsIn(orphan), llms });
    }
    this.#sql.exec("DELETE FROM reservation WHERE expires_at <= ?", now);
    this.#spend.sweep(now);
  }

  /** When the next reservation, or what is kept of a user, expires; null where there is none. */
  nextExpiry(): number | null {
    const { at } = this.#sql
      .exec<{ at: number | null }>("SELECT MIN(expires_at) AS at FROM reservation")
      .one();
    const ends = [at, this.#spend.nextExpiry()].filter((end) => end !== null);
    return ends.length === 0 ? null : Math.min(...ends);
  }

  usage(query: UsageQuery): UsageRow[] {
    const { from, to, groupBy, keyId } = query;
    if (groupBy.includes("llm")) return this.#spend.usage(query).map(llmRow);
    const columns = { day: "day", key: "key_id", adapter: "adapter", llm: "" } as const;
    const groups = groupBy.map((group) => columns[group]).join(", ");
    const rows = this.#sql.exec<UsageSums>(
      `SELECT ${groups === "" ? "" : `${groups},`}
         SUM(requests) AS requests, SUM(candidates) AS candidates,
         SUM(adapter_tokens) AS adapter_tokens, SUM(prompt_tokens) AS prompt_tokens,
         SUM(completion_tokens) AS completion_tokens, SUM(llm_requests) AS llm_requests,
         SUM(cost_micros) AS cost_micros, SUM(unpriced_requests) AS unpriced_requests,
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

  #letGo(requestId: string): Held | null {
    const rows = this.#sql.exec<Held>(
      "UPDATE reservation SET held = 0 WHERE request_id = ? AND held = 1 RETURNING key_id, day, user",
      requestId,
    );
    return rows.toArray()[0] ?? null;
  }

  #count(held: Held & { adapter: string }, estimated: 0 | 1, used: Used): void {
    const counts = [...countsOf(used), costIn(used)];
    // What cost nothing was held for its Idempotency-Key alone.
    if (counts.every((count) => count === 0)) return;
    const { key_id: keyId, day, adapter, user } = held;
    this.#spend.count({ keyId, day, adapter, estimated, user }, used.llms ?? []);
    const isUnpriced = (used.llms ?? []).some(({ costMicros }) => costMicros === null);
    this.#sql.exec(
      `INSERT INTO usage
         (key_id, day, adapter, estimated, ${COUNT_COLUMNS}, cost_micros, unpriced_requests)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET
         requests = requests + excluded.requests,
         candidates = candidates + excluded.candidates,
         adapter_tokens = adapter_tokens + excluded.adapter_tokens,
         prompt_tokens = prompt_tokens + excluded.prompt_tokens,
         completion_tokens = completion_tokens + excluded.completion_tokens,
         llm_requests = llm_requests + excluded.llm_requests,
         cost_micros = cost_micros + excluded.cost_micros,
         unpriced_requests = unpriced_requests + excluded.unpriced_requests`,
      keyId,
      day,
      adapter,
      estimated,
      ...counts,
      isUnpriced ? 1 : 0,
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
type Held = { key_id: string; day: string; user: string };
type OrphanRow = CountRow & Held & { adapter: string; llms: string };
type UsageSums = CountRow & {
  cost_micros: number;
  unpriced_requests: number;
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
    costMicros: sums.cost_micros,
    unpricedRequests: sums.unpriced_requests,
    estimatedRequests: sums.estimated_requests,
  };
}

/** What the encoder did is no LLM's. */
function llmRow(sums: LlmSums): UsageRow {
  return {
    ...(sums.day === undefined ? {} : { day: sums.day }),
    ...(sums.key_id === undefined ? {} : { key: sums.key_id }),
    ...(sums.adapter === undefined ? {} : { adapter: sums.adapter || null }),
    ...(sums.llm === undefined ? {} : { llm: sums.llm }),
    requests: sums.requests,
    promptTokens: sums.prompt_tokens,
    cachedTokens: sums.cached_tokens,
    completionTokens: sums.completion_tokens,
    llmRequests: sums.llm_requests,
    costMicros: sums.cost_micros,
    unpricedRequests: sums.unpriced_requests,
    estimatedRequests: sums.estimated_requests,
  };
}

type Used = Counts & Pick<Usage, "llms">;

/** Rounded up for each LLM, and summed. */
function costIn({ llms }: Pick<Usage, "llms">): number {
  return wholeUpTo(costOfAll(llms ?? []), MOST_MICROS);
}

/** In the order of `COUNT_COLUMNS`. */
function countsOf(counts: Counts): number[] {
  const { requests, candidates, adapterTokens, promptTokens, completionTokens, llmRequests } =
    counts;
  return [requests, candidates, adapterTokens, promptTokens, completionTokens, llmRequests].map(
    (count) => wholeUpTo(count),
  );
}
