/**
 * The guard's tables. Times are milliseconds since 1970. No column can hold content: texts are out of closed sets or
 * have a version's form, and SQLite checks that itself.
 */
import { COUNTS, STOP_REASONS } from "./guard.ts";

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
