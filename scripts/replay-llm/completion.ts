/** The bodies of a chat completion in OpenAI's form: whole, and chunk by chunk. */
import type { Choice } from "./choices.ts";

/** What every body of one completion carries. */
export interface Envelope {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

/** Token counts; the prompt is counted once, whatever n, as providers bill it. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export function usageOf(promptTokens: number, choices: readonly Choice[]): Usage {
  const completionTokens = choices.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

export function wholeCompletion(envelope: Envelope, choices: readonly Choice[], usage: Usage) {
  return {
    ...envelope,
    object: "chat.completion",
    choices: choices.map(({ index, tokens, finish }) => ({
      index,
      message: { role: "assistant", content: tokens.join(""), refusal: null },
      logprobs: null,
      finish_reason: finish,
    })),
    usage,
  };
}

/** Part of one choice: its opening (role), a token, or its end (finish reason). */
export type Delta =
  | { readonly kind: "opening" }
  | { readonly kind: "token"; readonly text: string }
  | { readonly kind: "end" };

/** One server-sent event; `usage` is null in all but the last chunk where the client asked for it. */
export function chunkEvent(
  envelope: Envelope,
  choice: Choice,
  delta: Delta,
  includeUsage: boolean,
): string {
  const content =
    delta.kind === "opening"
      ? { role: "assistant", content: "", refusal: null }
      : delta.kind === "token"
        ? { content: delta.text }
        : {};
  return event({
    ...envelope,
    object: "chat.completion.chunk",
    choices: [
      {
        index: choice.index,
        delta: content,
        logprobs: null,
        finish_reason: delta.kind === "end" ? choice.finish : null,
      },
    ],
    ...(includeUsage ? { usage: null } : {}),
  });
}

/** The chunk after all choices: no choice, the usage. */
export function usageEvent(envelope: Envelope, usage: Usage): string {
  return event({ ...envelope, object: "chat.completion.chunk", choices: [], usage });
}

export const DONE_EVENT = "data: [DONE]\n\n";

export function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** An error body as OpenAI's SDKs read it. */
export function errorBody(
  message: string,
  type: string,
  code: string | null,
  param: string | null = null,
) {
  return { error: { message, type, param, code } };
}
