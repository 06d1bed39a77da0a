/** What a key or a token may do. */

export const SCOPES = [
  "answer",
  "rerank",
  "usage",
  "batch",
  "feedback:trusted",
  "feedback:export",
] as const;

/**
 * - `answer`: `/v1/answer`, `/v1/chat/completions`, and feedback on what they answered.
 * - `rerank`: `/v1/rerank`.
 * - `usage`: the usage of all keys of the tenant; without it a key sees its own, a token nothing.
 * - `batch`: `/v1/batches`, with a key those of the whole tenant.
 * - `feedback:trusted`: what this caller says of an answer counts as true in training.
 * - `feedback:export`: all stored answers of the tenant that have an outcome, readable.
 */
export type Scope = (typeof SCOPES)[number];

/** Whether `name` is a scope. */
export function isScope(name: string): name is Scope {
  return (SCOPES as readonly string[]).includes(name);
}
