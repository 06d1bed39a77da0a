/**
 * Money in a tenant's ledger: what each LLM was used for, what each user of an app has spent in the day and the month, and
 * what caps leave. Synchronous, within the object's transaction. What keys have spent stands in `usage`, what requests
 * that run now can still cost in `reservation` (usageTables.ts).
 */
import { DAY_MS, dayOf, endOf, firstDayOf } from "./calendar.ts";
import type { UsageQuery } from "./ledger.ts";
import {
  type CapState,
  costOfAll,
  type LlmSpent,
  PERIODS,
  type SpendCap,
  type UserSpent,
} from "./spend.ts";

/** Rows of users that a tenant keeps: one for a day, one for a month each. At a hundred bytes, 20 MB. */
const MOST_USER_ROWS = 200_000;

/** Columns of figures, in one order for all statements. */
const COLUMNS = [
  "requests",
  "llm_requests",
  "prompt_tokens",
  "cached_tokens",
  "completion_tokens",
  "cost_micros",
  "unpriced_requests",
] as const;

/** `period` is `d2026-12-01` or `m2026-12-01`. Names of LLMs come from the configuration, users are hashes. */
const TABLES = `
    CREATE TABLE IF NOT EXISTS llm_usage (
      key_id TEXT NOT NULL,
      day TEXT NOT NULL,
      adapter TEXT NOT NULL,
      llm TEXT NOT NULL,
      estimated INTEGER NOT NULL,
      ${COLUMNS.map((column) => `${column} INTEGER NOT NULL`).join(", ")},
      PRIMARY KEY (key_id, day, adapter, llm, estimated)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS user_spend (
      period TEXT NOT NULL,
      user TEXT NOT NULL,
      micros INTEGER NOT NULL,
      PRIMARY KEY (period, user)
    ) WITHOUT ROWID;
`;

/** For whom a request is counted. */
export interface CountedFor {
  readonly keyId: string;
  readonly day: string;
  readonly adapter: string;
  readonly estimated: 0 | 1;
  /** "": a key's request. */
  readonly user: string;
}

export class SpendTables {
  readonly #sql: SqlStorage;
  readonly #mostUserRows: number;
  /** How many there are; null: to be counted again. */
  #userRows: number | null = null;

  constructor(sql: SqlStorage, mostUserRows = MOST_USER_ROWS) {
    sql.exec(TABLES);
    this.#sql = sql;
    this.#mostUserRows = mostUserRows;
  }

  /** Counts what a request's LLMs were used for. */
  count({ keyId, day, adapter, estimated, user }: CountedFor, llms: readonly LlmSpent[]): void {
    for (const spent of llms) {
      this.#sql.exec(
        `INSERT INTO llm_usage (key_id, day, adapter, llm, estimated, ${COLUMNS.join(", ")})
         VALUES (?, ?, ?, ?, ?, ${COLUMNS.map(() => "?").join(", ")})
         ON CONFLICT DO UPDATE SET
         ${COLUMNS.map((column) => `${column} = ${column} + excluded.${column}`).join(", ")}`,
        keyId,
        day,
        adapter,
        spent.llm,
        estimated,
        ...figuresOf(spent),
      );
    }
    const micros = wholeUpTo(costOfAll(llms), MOST_MICROS);
    if (user === "" || micros === 0) return;
    for (const period of PERIODS) this.#spend(periodName(period, day), user, micros);
    this.#makeRoom();
  }

  /** What is gone of caps. @param user "": a key's request, which no cap of users holds for */
  states(caps: readonly SpendCap[], keyId: string, user: string, now: number): CapState[] {
    return caps.map((cap) => {
      const first = firstDayOf(cap.period, now);
      const [spentMicros, heldMicros] =
        cap.of === "key"
          ? [this.#spentByKey(keyId, first), this.#held("key_id", keyId, first)]
          : [
              this.#spentByUser(periodName(cap.period, dayOf(now)), user),
              this.#held("user", user, first),
            ];
      return { ...cap, spentMicros, heldMicros, resetsAt: endOf(cap.period, now) };
    });
  }

  /** Those users who have spent most in the month, the first the most. */
  topUsers(limit: number, now: number): UserSpent[] {
    const [day, month] = PERIODS.map((period) => periodName(period, dayOf(now)));
    return this.#sql
      .exec<{ user: string; day: number; month: number }>(
        `SELECT m.user AS user, m.micros AS month, COALESCE(d.micros, 0) AS day
         FROM user_spend m LEFT JOIN user_spend d ON d.period = ? AND d.user = m.user
         WHERE m.period = ? ORDER BY m.micros DESC, m.user LIMIT ?`,
        day,
        month,
        limit,
      )
      .toArray()
      .map((row) => ({ user: row.user, dayMicros: row.day, monthMicros: row.month }));
  }

  /** What LLMs were used for, in the groups of the query. */
  usage({ from, to, groupBy, keyId }: UsageQuery): LlmSums[] {
    const columns = { day: "day", key: "key_id", adapter: "adapter", llm: "llm" } as const;
    const groups = groupBy.map((group) => columns[group]).join(", ");
    return this.#sql
      .exec<LlmSums>(
        `SELECT ${groups}, ${COLUMNS.map((column) => `SUM(${column}) AS ${column}`).join(", ")},
           SUM(CASE WHEN estimated = 1 THEN requests ELSE 0 END) AS estimated_requests
         FROM llm_usage WHERE day >= ? AND day <= ? AND (? IS NULL OR key_id = ?)
         GROUP BY ${groups} ORDER BY ${groups}`,
        from,
        to,
        keyId,
        keyId,
      )
      .toArray();
  }

  /**
   * Forgets what users spent in days and months that ended a day ago: requests that were reserved in them are settled by
   * then.
   */
  sweep(now: number): void {
    const today = now - DAY_MS;
    for (const period of PERIODS) {
      const { rowsWritten } = this.#sql.exec(
        "DELETE FROM user_spend WHERE period >= ? AND period < ?",
        period[0] ?? "",
        periodName(period, dayOf(today)),
      );
      if (rowsWritten > 0) this.#userRows = null;
    }
  }

  /** When the next row of a user is to be forgotten; null where there is none. */
  nextExpiry(): number | null {
    const ends = PERIODS.flatMap((period) => {
      const letter = period[0] ?? "";
      const { first } = this.#sql
        .exec<{ first: string | null }>(
          "SELECT MIN(period) AS first FROM user_spend WHERE period >= ? AND period < ?",
          letter,
          `${letter}~`,
        )
        .one();
      return first === null ? [] : [endOf(period, Date.parse(first.slice(1))) + DAY_MS];
    });
    return ends.length === 0 ? null : Math.min(...ends);
  }

  #spend(period: string, user: string, micros: number): void {
    const known = this.#sql.exec(
      "UPDATE user_spend SET micros = micros + ? WHERE period = ? AND user = ? RETURNING 1",
      micros,
      period,
      user,
    );
    if (known.toArray().length > 0) return;
    this.#sql.exec(
      "INSERT INTO user_spend (period, user, micros) VALUES (?, ?, ?)",
      period,
      user,
      micros,
    );
    if (this.#userRows !== null) this.#userRows += 1;
  }

  /** At the bound, those who spent least are forgotten, a tenth of all: their caps begin anew, and by the least money. */
  #makeRoom(): void {
    if (this.#userRows !== null && this.#userRows <= this.#mostUserRows) return;
    const count = () =>
      this.#sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM user_spend").one().n;
    this.#userRows = count();
    if (this.#userRows <= this.#mostUserRows) return;
    this.#sql.exec(
      `DELETE FROM user_spend WHERE (period, user) IN
         (SELECT period, user FROM user_spend ORDER BY micros LIMIT ?)`,
      this.#userRows - Math.floor(this.#mostUserRows * 0.9),
    );
    this.#userRows = count();
  }

  #spentByKey(keyId: string, first: string): number {
    return this.#sql
      .exec<{ micros: number }>(
        "SELECT COALESCE(SUM(cost_micros), 0) AS micros FROM usage WHERE key_id = ? AND day >= ?",
        keyId,
        first,
      )
      .one().micros;
  }

  #spentByUser(period: string, user: string): number {
    const rows = this.#sql.exec<{ micros: number }>(
      "SELECT micros FROM user_spend WHERE period = ? AND user = ?",
      period,
      user,
    );
    return rows.toArray()[0]?.micros ?? 0;
  }

  #held(column: "key_id" | "user", value: string, first: string): number {
    return this.#sql
      .exec<{ micros: number }>(
        `SELECT COALESCE(SUM(worst_micros), 0) AS micros FROM reservation
         WHERE ${column} = ? AND day >= ? AND held = 1`,
        value,
        first,
      )
      .one().micros;
  }
}

export type LlmSums = Record<(typeof COLUMNS)[number] | "estimated_requests", number> & {
  day?: string;
  key_id?: string;
  adapter?: string;
  llm?: string;
};

function periodName(period: (typeof PERIODS)[number], day: string): string {
  return `${period[0]}${firstDayOf(period, Date.parse(day))}`;
}

/** The most of anything that one request is counted for. A million such requests still add up exactly in a double. */
const MOST_PER_REQUEST = 1_000_000_000;
/** A million of the currency's units: nine thousand such requests still add up exactly. */
export const MOST_MICROS = 1_000_000_000_000;

/** A count as it is kept. An LLM may claim any number of tokens: one that is none counts as none. */
export function wholeUpTo(count: number, most = MOST_PER_REQUEST): number {
  return count >= 0 ? Math.min(Math.floor(count), most) : 0;
}

/** In the order of `COLUMNS`. */
function figuresOf(spent: LlmSpent): number[] {
  const { requests, promptTokens, cachedTokens, completionTokens, costMicros } = spent;
  return [
    1,
    ...[requests, promptTokens, cachedTokens, completionTokens].map((count) => wholeUpTo(count)),
    wholeUpTo(costMicros ?? 0, MOST_MICROS),
    costMicros === null ? 1 : 0,
  ];
}
