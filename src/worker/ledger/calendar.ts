/** Days and months of UTC, in which usage and spending are counted. Times are milliseconds since 1970. */
import type { Period } from "./spend.ts";

export const DAY_MS = 86_400_000;

/** The day, `YYYY-MM-DD`. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** The first day of the day or the month that this time lies in. */
export function firstDayOf(period: Period, time: number): string {
  const day = dayOf(time);
  return period === "day" ? day : `${day.slice(0, 7)}-01`;
}

/** When the day or the month ends that this time lies in. */
export function endOf(period: Period, time: number): number {
  const date = new Date(time);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return period === "day"
    ? Date.UTC(year, month, date.getUTCDate() + 1)
    : Date.UTC(year, month + 1);
}
