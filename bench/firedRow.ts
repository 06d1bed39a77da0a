/** A load as a row of a table. */
import type { Fired } from "./fire.ts";
import { quantile } from "./spread.ts";
import { n } from "./tables.ts";

export const FIRED_HEAD = [
  ...["load", "offered/s", "answered/s", "200", "503", "failed", "mixed up", "degraded"],
  ...["p50 ms", "p90", "p99", "503 ms, p50", "codes"],
];

export function firedRow(name: string, one: Fired): string[] {
  const at = (values: readonly number[], share: number) =>
    quantile(values, share)?.toFixed(0) ?? "";
  const codes = Object.entries(one.codes).map(([code, count]) => `${count} ${code}`);
  return [
    name,
    one.offered === null ? "" : n(one.offered),
    n(one.ok / one.seconds),
    ...[one.ok, one.sentBack, one.failed, one.mixedUp, one.degraded].map(String),
    ...[0.5, 0.9, 0.99].map((share) => at(one.okMs, share)),
    at(one.sentBackMs, 0.5),
    codes.join(", "),
  ];
}
