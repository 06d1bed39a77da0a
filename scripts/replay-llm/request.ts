/** What the replay reads of a chat completion request; all other fields are accepted and unused. */
import { z } from "zod";
import type { SpokenMessage } from "./recordings.ts";

const textPart = z.object({ type: z.literal("text"), text: z.string() });

const requestSchema = z.object({
  model: z.string().min(1),
  messages: z
    .array(
      z.object({
        role: z.enum(["system", "developer", "user", "assistant", "tool"]),
        content: z.union([z.string(), z.array(textPart)]),
      }),
    )
    .min(1),
  n: z.int().min(1).max(128).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
});

/** A request in the server's words. `maxTokens` null: no limit. */
export interface CompletionRequest {
  readonly model: string;
  readonly messages: readonly SpokenMessage[];
  readonly n: number;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly maxTokens: number | null;
}

/** Reads a request body, or names the field that is wrong. */
export function readRequest(body: unknown): CompletionRequest | { readonly param: string } {
  const parsed = requestSchema.safeParse(body);
  if (!parsed.success) return { param: String(parsed.error.issues[0]?.path[0] ?? "body") };
  const { model, messages, n, stream, stream_options, max_tokens, max_completion_tokens } =
    parsed.data;
  return {
    model,
    messages: messages.map(({ role, content }) => ({
      role,
      text: typeof content === "string" ? content : content.map(({ text }) => text).join("\n"),
    })),
    n: n ?? 1,
    stream: stream ?? false,
    includeUsage: stream_options?.include_usage ?? false,
    maxTokens: max_completion_tokens ?? max_tokens ?? null,
  };
}
