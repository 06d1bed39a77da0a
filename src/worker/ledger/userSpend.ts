/**
 * What each user of an app has spent in the day and the month, for the caps of users. Synchronous, within the object's
 * transaction. Users are hashes; the number of rows is bounded, and they go when their day or month is over.
 */
import { DAY_MS, dayOf, endOf, firstDayOf } from "./calendar.ts";
import { PERIODS, type Period, type UserSpent } from "./spend.ts";

/** Rows that a tenant keeps: one for a day, one for a month of each user. At a hundred bytes, 20 MB. */
const MOST_ROWS = 200_000;

/** `period` is `d2026-12-01` or `m2026-12-01`. */
const TABLE = `
    CREATE TABLE IF NOT EXISTS user_spend (
      period TEXT NOT NULL,
      user TEXT NOT NULL,
      micros INTEGER NOT NULL,
      PRIMARY KEY (period, user)
    ) WITHOUT ROWID;
`;

export class UserSpend {
  readonly #sql: SqlStorage;
  readonly #mostRows: number;
  /** How many there are; null: to be counted again. */
  #rows: number | null = null;

  constructor(sql: SqlStorage, mostRows = MOST_ROWS) {
    sql.exec(TABLE);
    this.#sql = sql;
    this.#mostRows = mostRows;
  }

  /** Adds what a request cost that began on this day. */
  add(user: string, day: string, micros: number): void {
    for (const period of PERIODS) this.#add(periodName(period, day), user, micros);
    this.#makeRoom();
  }

  /** What the user has spent in the day or month that this time lies in. */
  spent(user: string, period: Period, now: number): number {
    const rows = this.#sql.exec<{ micros: number }>(
      "SELECT micros FROM user_spend WHERE period = ? AND user = ?",
      periodName(period, dayOf(now)),
      user,
    );
    return rows.toArray()[0]?.micros ?? 0;
  }

  /** Those users who have spent most in the month, the first the most. */
  top(limit: number, now: number): UserSpent[] {
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

  /**
   * Forgets what users spent in days and months that ended a day ago: requests that were reserved in them are settled by
   * then.
   */
  sweep(now: number): void {
    const yesterday = dayOf(now - DAY_MS);
    for (const period of PERIODS) {
      const { rowsWritten } = this.#sql.exec(
        "DELETE FROM user_spend WHERE period >= ? AND period < ?",
        period[0] ?? "",
        periodName(period, yesterday),
      );
      if (rowsWritten > 0) this.#rows = null;
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

  #add(period: string, user: string, micros: number): void {
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
    if (this.#rows !== null) this.#rows += 1;
  }

  /** At the bound, those who spent least are forgotten, a tenth of all: their caps begin anew, and by the least money. */
  #makeRoom(): void {
    if (this.#rows !== null && this.#rows <= this.#mostRows) return;
    const count = () =>
      this.#sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM user_spend").one().n;
    this.#rows = count();
    if (this.#rows <= this.#mostRows) return;
    this.#sql.exec(
      `DELETE FROM user_spend WHERE (period, user) IN
         (SELECT period, user FROM user_spend ORDER BY micros LIMIT ?)`,
      this.#rows - Math.floor(this.#mostRows * 0.9),
    );
    this.#rows = count();
  }
}

function periodName(period: Period, day: string): string {
  return `${period[0]}${firstDayOf(period, Date.parse(day))}`;
}
