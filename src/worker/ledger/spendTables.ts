/**
 * Money in a tenant's ledger: what each LLM was used for, and what is gone of caps. Synchronous, within the object's
 * transaction. What keys have spent stands in `usage`, what requests that run now can still cost in `reservation`
 * (usageTables.ts), what users have spent in userSpend.ts.
 */
import { endOf, firstDayOf } from "./calendar.ts";
import type { UsageQuery } from "./ledger.ts";
import { type CapState, costOfAll, type LlmSpent, type SpendCap } from "./spend.ts";
import { figuresOf, LLM_COLUMNS, type LlmSums, MOST_MICROS, wholeUpTo } from "./usageRows.ts";
import type { UserSpend } from "./userSpend.ts";

/** Names of LLMs come from the configuration. */
const TABLE = `
    CREATE TABLE IF NOT EXISTS llm_usage (
      key_id TEXT NOT NULL,
      day TEXT NOT NULL,
      adapter TEXT NOT NULL,
      llm TEXT NOT NULL,
      estimated INTEGER NOT NULL,
      ${LLM_COLUMNS.map((column) => `${column} INTEGER NOT NULL`).join(", ")},
      PRIMARY KEY (key_id, day, adapter, llm, estimated)
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
  readonly #users: UserSpend;

  constructor(sql: SqlStorage, users: UserSpend) {
    sql.exec(TABLE);
    this.#sql = sql;
    this.#users = users;
  }

  /** Counts what a request's LLMs were used for. */
  count({ keyId, day, adapter, estimated, user }: CountedFor, llms: readonly LlmSpent[]): void {
    for (const spent of llms) {
      this.#sql.exec(
        `INSERT INTO llm_usage (key_id, day, adapter, llm, estimated, ${LLM_COLUMNS.join(", ")})
         VALUES (?, ?, ?, ?, ?, ${LLM_COLUMNS.map(() => "?").join(", ")})
         ON CONFLICT DO UPDATE SET
         ${LLM_COLUMNS.map((column) => `${column} = ${column} + excluded.${column}`).join(", ")}`,
        keyId,
        day,
        adapter,
        spent.llm,
        estimated,
        ...figuresOf(spent),
      );
    }
    const micros = wholeUpTo(costOfAll(llms), MOST_MICROS);
    if (user !== "" && micros > 0) this.#users.add(user, day, micros);
  }

  /** What is gone of caps. @param user "": a key's request, which no cap of users holds for */
  states(caps: readonly SpendCap[], keyId: string, user: string, now: number): CapState[] {
    return caps.map((cap) => {
      const first = firstDayOf(cap.period, now);
      const [spentMicros, heldMicros] =
        cap.of === "key"
          ? [this.#spentByKey(keyId, first), this.#held("key_id", keyId, first)]
          : [this.#users.spent(user, cap.period, now), this.#held("user", user, first)];
      return { ...cap, spentMicros, heldMicros, resetsAt: endOf(cap.period, now) };
    });
  }

  /** What LLMs were used for, in the groups of the query. */
  usage({ from, to, groupBy, keyId }: UsageQuery): LlmSums[] {
    const columns = { day: "day", key: "key_id", adapter: "adapter", llm: "llm" } as const;
    const groups = groupBy.map((group) => columns[group]).join(", ");
    return this.#sql
      .exec<LlmSums>(
        `SELECT ${groups}, ${LLM_COLUMNS.map((column) => `SUM(${column}) AS ${column}`).join(", ")},
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

  #spentByKey(keyId: string, first: string): number {
    return this.#sql
      .exec<{ micros: number }>(
        "SELECT COALESCE(SUM(cost_micros), 0) AS micros FROM usage WHERE key_id = ? AND day >= ?",
        keyId,
        first,
      )
      .one().micros;
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
