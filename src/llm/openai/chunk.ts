/** Reads one chunk of a chat completion stream: what OpenAI-compatible servers send, trusting nothing. */
import type { FinishReason, TokenUsage } from "../generator.ts";

/** Part of one choice. `end` null: it goes on; "error": the provider gave it up. */
export interface ChoicePart {
  readonly index: number;
  readonly content: string;
  readonly end: FinishReason | "error" | null;
}

export interface Chunk {
  readonly parts: readonly ChoicePart[];
  readonly usage: TokenUsage | null;
}

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : null;
}

/** The chunk, or null where the value is no completion chunk. Servers that never send `n` may leave out `index`. */
export function readChunk(value: unknown): Chunk | null {
  const chunk = fields(value);
  if (chunk === null) return null;
  const choices = chunk.choices ?? [];
  if (!Array.isArray(choices)) return null;
  return { parts: choices.flatMap(readPart), usage: readUsage(chunk.usage) };
}

function readPart(value: unknown): ChoicePart[] {
  const choice = fields(value);
  if (choice === null) return [];
  const index = choice.index ?? 0;
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0) return [];
  const content = fields(choice.delta)?.content;
  return [
    {
      index,
      content: typeof content === "string" ? content : "",
      end: fields(choice.error) === null ? readEnd(choice.finish_reason) : "error",
    },
  ];
}

function readEnd(value: unknown): ChoicePart["end"] {
  switch (value) {
    case null:
    case undefined:
    case "":
      return null;
    case "stop":
    case "length":
    case "content_filter":
    case "error":
      return value;
    default:
      return "other";
  }
}

function readUsage(value: unknown): TokenUsage | null {
  const usage = fields(value);
  const promptTokens = usage?.prompt_tokens;
  const completionTokens = usage?.completion_tokens;
  return isCount(promptTokens) && isCount(completionTokens)
    ? { promptTokens, completionTokens }
    : null;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}
