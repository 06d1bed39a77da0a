/**
 * The arithmetic of a guard over its SQLite tables. Synchronous: the object that calls it wraps each call into one
 * transaction.
 */
import {
  type ChannelCounts,
  COUNTS,
  type CountedChannel,
  type Counts,
  type GuardOverview,
  type GuardReport,
  type StopReason,
  type Trial,
  type Verdict,
} from "./guard.ts";
import { judge } from "./judge.ts";

/** In place of a trial's serial, which is 0 or more. */
const NO_TRIAL = -1;
/** Trials whose counts are kept, the newest. That one was stopped is kept for good. */
const KEPT_TRIALS = 20;

type CountRow = Record<keyof Counts, number>;
type ChannelRow = CountRow & { channel: CountedChannel; version: string };
type StopRow = { trial: number; version: string; reason: StopReason; at: number } & Record<
  `${"canary" | "stable"}_${keyof Counts}`,
  number
>;

export class GuardBooks {
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
  #sum(trial: number, channel: CountedChannel): Counts {
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
