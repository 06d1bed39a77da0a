/** Workers AI's error codes (https://developers.cloudflare.com/workers-ai/platform/errors/, looked up 2026-11). */

const STATUS: ReadonlyMap<number, number> = new Map([
  [3003, 400], // incomplete request
  [3006, 413], // too large
  [3007, 408], // timeout
  [3008, 408], // aborted
  [3023, 403], // account blocked
  [3036, 429], // the day's allocation is used up
  [3040, 429], // out of capacity
  [3041, 403], // private model
  [3042, 404], // no such model
  [4006, 429], // the same as 3036; not in the table, but what accounts are really told
  [5004, 400], // invalid data
  [5005, 405],
  [5007, 400], // no such model or task
  [5016, 403], // terms not agreed to
  [5018, 403], // private model
  [5019, 405],
]);

/** The code in an error's text: `internalCode` or `code` of its JSON, or its first word, as in "3040: ...". */
export function aiErrorCode(text: string): number | null {
  const found =
    /"(?:internalCode|code)"\s*:\s*(\d{4})\b/u.exec(text) ?? /^\s*(?:\w+: )?(\d{4}):/u.exec(text);
  return found?.[1] === undefined ? null : Number(found[1]);
}

/** The HTTP status that belongs to a code; null for one that is not known. */
export function aiErrorStatus(code: number): number | null {
  return STATUS.get(code) ?? null;
}

/** Nothing but the next day, or another plan, helps. */
export function isQuota(code: number): boolean {
  return code === 3036 || code === 4006;
}
