/** How long a provider asks to be left alone. */

const LONGEST_SECONDS = 86_400;

/**
 * Whole seconds, rounded up, from `retry-after-ms` or `Retry-After` (seconds or a date, RFC 9110
 * section 10.2.3); undefined where neither says anything readable.
 */
export function retryAfterSeconds(headers: Headers): number | undefined {
  const milliseconds = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  const text = headers.get("retry-after") ?? "";
  const plain = /^\s*\d+(\.\d+)?\s*$/u.test(text) ? Number(text) : Number.NaN;
  const date = (Date.parse(text) - Date.now()) / 1000;
  const seconds = [milliseconds / 1000, plain, date].find(Number.isFinite);
  return seconds === undefined
    ? undefined
    : Math.min(LONGEST_SECONDS, Math.max(0, Math.ceil(seconds)));
}
