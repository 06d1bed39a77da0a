/**
 * Usage and reservations of a tenant in SQLite. Synchronous: the object that calls it wraps each call into one
 * transaction, so that a request is held, counted or given up, never two of these and never half of one.
 */
import { dayOf, endOf } from "./calendar.ts";
import type {
  LimitState,
  Reservation,
  SettleResult,
  Usage,
  UsageQuery,
  UsageRow,
} from "./ledger.ts";
import { type CapState, hasRoom, type LlmSpent, type SpendWish, type UserSpent } from "./spend.ts";
import { SpendTables } from "./spendTables.ts";
import {
  COUNT_COLUMNS,
  costIn,
  countsIn,
  countsOf,
  type Held,
  llmRow,
  MOST_MICROS,
  type OrphanRow,
  type UsageSums,
  type Used,
  usageRow,
  wholeUpTo,
} from "./usageRows.ts";
import { makeUsageTables } from "./usageSchema.ts";
import { UserSpend } from "./userSpend.ts";

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

/** Nothing that costs money, and nobody's cap: also what older Workers mean who say nothing of it. */
const NO_SPEND: SpendWish = { worstMicros: 0, caps: [], user: null };

export class UsageTables {
  readonly #sql: SqlStorage;
  readonly #spend: SpendTables;
  readonly #users: UserSpend;

  constructor(sql: SqlStorage) {
    makeUsageTables(sql);
    this.#sql = sql;
    this.#users = new UserSpend(sql);
    this.#spend = new SpendTables(sql, this.#users);
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
    return this.#users.top(limit, now);
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
    this.#users.sweep(now);
  }

  /** When the next reservation, or what is kept of a user, expires; null where there is none. */
  nextExpiry(): number | null {
    const { at } = this.#sql
      .exec<{ at: number | null }>("SELECT MIN(expires_at) AS at FROM reservation")
      .one();
    const ends = [at, this.#users.nextExpiry()].filter((end) => end !== null);
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
