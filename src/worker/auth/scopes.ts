/** What a key or a token may do. */

export const SCOPES = ["answer", "rerank", "usage"] as const;

/**
 * - `answer`: `/v1/answer` and `/v1/chat/completions`.
 * - `rerank`: `/v1/rerank`.
 * - `usage`: the usage of all keys of the tenant; without it a caller sees its own.
 */
export type Scope = (typeof SCOPES)[number];

/** Whether `name` is a scope. */
export function isScope(name: string): name is Scope {
  return (SCOPES as readonly string[]).includes(name);
}
