/** Sums of money: whole micro-units, a millionth of a currency's unit, inside; decimal money outside. */

/** At most six digits after the point. */
export const DECIMAL_MONEY = /^\d{1,9}(?:\.\d{1,6})?$/u;

/** Micro-units as decimal money: 1234567 is "1.234567". */
export function moneyText(micros: number): string {
  const whole = Math.trunc(micros / 1_000_000);
  return `${whole}.${String(micros % 1_000_000).padStart(6, "0")}`;
}

/** Decimal money as micro-units; null where it is none, or has more than six digits after the point. */
export function readMoney(text: string): number | null {
  if (!DECIMAL_MONEY.test(text)) return null;
  const [whole = "0", fraction = ""] = text.split(".");
  return Number(whole) * 1_000_000 + Number(fraction.padEnd(6, "0"));
}
