/**
 * Reads what another server sent, trusting nothing: a body up to a limit, JSON fields of any type, and how long it asks
 * to wait.
 */
export interface ReadText {
  readonly text: string;
  /** The whole body is in `text`. */
  readonly whole: boolean;
}

/** The beginning of a body as text, at most about `maxBytes`; the rest is not read. Rejects if the body breaks off. */
export async function readUpTo(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<ReadText> {
  if (body === null) return { text: "", whole: true };
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      text += decoder.decode(chunk.subarray(0, chunk.length - (bytes - maxBytes)));
      return { text, whole: false };
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return { text: text + decoder.decode(), whole: true };
}

/** A longer wait is taken for this one. */
const LONGEST_SECONDS = 86_400;

/**
 * Whole seconds to wait, rounded up, from `retry-after-ms` or `Retry-After` (seconds or a date, RFC 9110
 * section 10.2.3); undefined where neither is readable.
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

export type Fields = Readonly<Record<string, unknown>>;

/** An object's fields; null for anything else. */
export function fields(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : null;
}

/** A whole number of tokens; 0 for anything else. */
export function tokenCount(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** The value of a JSON text; undefined where it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
