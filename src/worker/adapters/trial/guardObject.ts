/**
 * The Durable Object behind an adapter's guard: one for each adapter, so that all isolates count into one place.
 *
 * No column of its SQLite tables can hold content: texts come out of closed sets or have a version's form, and SQLite
 * checks that itself. Times are milliseconds since 1970.
 */
import { DurableObject } from "cloudflare:workers";
import type { Channel } from "../../../adapter/pointer.ts";
import {
  type ChannelCounts,
  COUNTS,
  type Counts,
  STOP_REASONS,
  type StopReason,
} from "../trialChannels.ts";
import { type GuardOverview, type GuardReport, judge, type Trial, type Verdict } from "./guard.ts";

export class GuardObject extends DurableObject {
  readonly #tables: GuardTables;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    makeGuardTables(state.storage.sql);
    this.#tables = new GuardTables(state.storage.sql);
  }

  report(report: GuardReport): Verdict {
    return this.ctx.storage.transactionSync(() => this.#tables.report(report, Date.now()));
  }

  verdict(serial: number): Verdict {
    return this.#tables.verdict(serial);
  }

  overview(serial: number | null): GuardOverview {
    return this.#tables.overview(serial);
  }
}

/** In place of a trial's serial, which is 0 or more. */
const NO_TRIAL = -1;
/** Trials whose counts are kept, the newest. That one was stopped is kept for good. */
const KEPT_TRIALS = 20;

type CountRow = Record<keyof Counts, number>;
type ChannelRow = CountRow & { channel: Channel; version: string };
type StopRow = { trial: number; version: string; reason: StopReason; at: number } & Record<
  `${"canary" | "stable"}_${keyof Counts}`,
  number
>;

/** The guard's arithmetic. Synchronous: its caller wraps each call into one transaction. */
export class GuardTables {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Adds what was counted and stops the trial where that breaks a bound. */
  report({ trial, counts }: GuardReport, now: number): Verdict {
    const key = trial?.serial ?? NO_TRIAL;
    for (const one of counts) this.#add(key, one);
    if (trial === null) return null;
    this.#forgetOld();
    const stopped = this.verdict(trial.serial);
    if (stopped !== null) return stopped;
    const canary = this.#sum(key, "canary");
    const stable = this.#sum(key, "stable");
    const reason = judge(trial.bounds, canary, stable);
    if (reason !== null) this.#stop(trial, reason, now, canary, stable);
    return this.verdict(trial.serial);
  }

  verdict(serial: number): Verdict {
    const rows = this.#sql.exec<StopRow>("SELECT * FROM stopped WHERE trial = ?", serial);
    const [row] = rows.toArray();
    if (row === undefined) return null;
    const side = (name: "canary" | "stable") => countsIn((count) => row[`${name}_${count}`]);
    const { trial, version, reason, at } = row;
    return { serial: trial, version, reason, at, canary: side("canary"), stable: side("stable") };
  }

  overview(serial: number | null): GuardOverview {
    const rows = this.#sql.exec<ChannelRow>(
      "SELECT * FROM counted WHERE trial = ? ORDER BY channel, version",
      serial ?? NO_TRIAL,
    );
    const counts = rows.toArray().map(({ channel, version, ...row }) => ({
      channel,
      version,
      ...countsIn((name) => row[name]),
    }));
    return { stop: serial === null ? null : this.verdict(serial), counts };
  }

  #add(trial: number, { channel, version, ...counts }: ChannelCounts): void {
    const sums = COUNTS.map((name) => `${name} = ${name} + excluded.${name}`).join(", ");
    this.#sql.exec(
      `INSERT INTO counted (trial, channel, version, ${COUNTS.join(", ")})
       VALUES (?, ?, ?, ${COUNTS.map(() => "?").join(", ")})
       ON CONFLICT DO UPDATE SET ${sums}`,
      trial,
      channel,
      version,
      ...COUNTS.map((name) => counts[name]),
    );
  }

  /** Over all versions that the channel had during the trial. */
  #sum(trial: number, channel: Channel): Counts {
    const sums = COUNTS.map((name) => `COALESCE(SUM(${name}), 0) AS ${name}`).join(", ");
    const row = this.#sql
      .exec<CountRow>(`SELECT ${sums} FROM counted WHERE trial = ? AND channel = ?`, trial, channel)
      .one();
    return countsIn((name) => row[name]);
  }

  #stop(trial: Trial, reason: StopReason, now: number, canary: Counts, stable: Counts): void {
    const sides = [canary, stable].flatMap((side) => COUNTS.map((name) => side[name]));
    const columns = ["canary", "stable"].flatMap((side) => COUNTS.map((name) => `${side}_${name}`));
    this.#sql.exec(
      `INSERT INTO stopped (trial, version, reason, at, ${columns.join(", ")})
       VALUES (?, ?, ?, ?, ${columns.map(() => "?").join(", ")})`,
      trial.serial,
      trial.version,
      reason,
      now,
      ...sides,
    );
  }

  #forgetOld(): void {
    this.#sql.exec(
      `DELETE FROM counted WHERE trial <> ?1 AND trial NOT IN
         (SELECT DISTINCT trial FROM counted WHERE trial <> ?1 ORDER BY trial DESC LIMIT ?2)`,
      NO_TRIAL,
      KEPT_TRIALS,
    );
  }
}

function countsIn(value: (name: keyof Counts) => number): Counts {
  return Object.fromEntries(COUNTS.map((name) => [name, value(name)])) as unknown as Counts;
}

const VERSION = `CHECK (length(version) BETWEEN 1 AND 64 AND version NOT GLOB '*[^A-Za-z0-9._-]*')`;
const counts = COUNTS.map((name) => `${name} INTEGER NOT NULL DEFAULT 0`).join(", ");
const countsOf = (side: string) => COUNTS.map((name) => `${side}_${name} INTEGER NOT NULL`);
const reasons = STOP_REASONS.map((reason) => `'${reason}'`).join(", ");

/** Made at every start of the object; nothing happens where they are there. Trial -1: no canary was on. */
export function makeGuardTables(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS counted (
      trial INTEGER NOT NULL,
      channel TEXT NOT NULL CHECK (channel IN ('stable', 'canary', 'shadow')),
      version TEXT NOT NULL ${VERSION},
      ${counts},
      PRIMARY KEY (trial, channel, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS stopped (
      trial INTEGER PRIMARY KEY,
      version TEXT NOT NULL ${VERSION},
      reason TEXT NOT NULL CHECK (reason IN (${reasons})),
      at INTEGER NOT NULL,
      ${[...countsOf("canary"), ...countsOf("stable")].join(", ")}
    ) STRICT;
  `);
}
