/**
 * Reads one chunk of a completion, or a whole one, trusting nothing. Reads what is clear, in all spellings that servers
 * have; leaves out thinking.
 */
import { type Fields, fields } from "../../net/response.ts";
import type { FinishReason, TokenUsage } from "../generator.ts";
import { errorOf, type ReportedError } from "./failure.ts";

/** Part of one choice. */
export interface ChoicePart {
  readonly index: number;
  readonly content: string;
  /** The text is all that has come so far, and not what is new. */
  readonly whole: boolean;
  /** The model declined to answer, in a member of its own. */
  readonly declined: boolean;
  /** Thinking came, in a member of its own. */
  readonly thought: boolean;
  /** null: it goes on; `error`: the provider gave it up. */
  readonly end: FinishReason | "error" | null;
}

export interface Chunk {
  readonly parts: readonly ChoicePart[];
  /** The counts that it tells; null: none. */
  readonly usage: Partial<TokenUsage> | null;
  /** A fault of the whole call. */
  readonly error: ReportedError | null;
}

/** The chunk, or null where the value is none. */
export function readChunk(value: unknown): Chunk | null {
  const chunk = fields(value);
  // Google reports its errors in a list.
  if (chunk === null) {
    const error = Array.isArray(value) && fields(value[0])?.error ? errorOf(value) : null;
    return error === null ? null : { parts: [], usage: null, error };
  }
  const usage = readUsage(fields(chunk.usage) ?? fields(chunk.usageMetadata));
  const error = isError(chunk) ? errorOf(chunk) : null;
  if (Array.isArray(chunk.choices)) {
    return { parts: chunk.choices.flatMap(readChoice), usage, error };
  }
  if (error !== null) return { parts: [], usage, error };
  if (chunk.choices !== undefined && chunk.choices !== null) return null;
  // Ollama's own form, Workers AI's, and their like: one choice, without a list.
  const bare = ["message", "delta", "response", "text", "done", "finish_reason"].some(
    (name) => name in chunk,
  );
  return { parts: bare ? readChoice(chunk, 0) : [], usage: usage ?? ollamaUsage(chunk), error };
}

function isError(chunk: Fields): boolean {
  if (chunk.error) return true;
  if (Array.isArray(chunk.choices)) return false;
  const text = typeof chunk.message === "string" || typeof chunk.detail === "string";
  return (
    chunk.type === "error" ||
    chunk.object === "error" ||
    (text && ("code" in chunk || "detail" in chunk))
  );
}

/** @param place where it stands among the choices of its chunk */
function readChoice(value: unknown, place: number): ChoicePart[] {
  const choice = fields(value);
  if (choice === null) return [];
  const index = readIndex(choice.index ?? place);
  if (index === null) return [];
  const delta = fields(choice.delta);
  const message = fields(choice.message);
  // Where both are there, the message grows beside the delta.
  const from = delta ?? message;
  const text =
    readContent(from?.content ?? from?.text) ?? readContent(choice.text ?? choice.response);
  const refusal = from?.refusal;
  const filtered = fields(choice.content_filter_results)?.filtered === true;
  return [
    {
      index,
      content: text ?? "",
      whole: delta === null && message !== null,
      declined: typeof refusal === "string" && refusal.trim() !== "",
      thought: isThought(from) || isThoughtList(from?.content),
      end:
        fields(choice.error) === null ? (filtered ? "content_filter" : readEnd(choice)) : "error",
    },
  ];
}

/** Text is read as a number; null for what is none. */
function readIndex(value: unknown): number | null {
  const index = typeof value === "string" && /^\d{1,4}$/u.test(value) ? Number(value) : value;
  return typeof index === "number" && Number.isInteger(index) && index >= 0 ? index : null;
}

/** The text of a member: a text, a part, or a list of parts without those that hold thinking. Null: it holds none. */
function readContent(value: unknown): string | null {
  if (typeof value === "string") return value;
  // A token of digits alone may arrive as a number.
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.map((part) => readContent(part) ?? "").join("");
  const part = fields(value);
  if (part === null || isThoughtPart(part)) return null;
  return readContent(part.text ?? part.value ?? part.content);
}

const THINKS = /think|reason|thought|reflect|summary/iu;
const THOUGHT_MEMBERS = [
  "reasoning_content",
  "reasoning",
  "reasoning_text",
  "reasoning_details",
  "thinking",
  "thinking_content",
  "thought",
  "thoughts",
] as const;

function isThoughtPart(part: Fields): boolean {
  return part.thought === true || (typeof part.type === "string" && THINKS.test(part.type));
}

function isThought(from: Fields | null): boolean {
  return THOUGHT_MEMBERS.some((name) => {
    const value = from?.[name];
    return typeof value === "string"
      ? value !== ""
      : fields(value) !== null || (Array.isArray(value) && value.length > 0);
  });
}

function isThoughtList(content: unknown): boolean {
  return Array.isArray(content) && content.some((part) => isThoughtPart(fields(part) ?? {}));
}

const ENDS: readonly (readonly [FinishReason | "error", RegExp])[] = [
  [
    "length",
    /^(?:length|max_?(?:output_?|new_?|completion_?)?tokens(?:_reached)?|max_?length|token_?limit|model_length|model_context_window_exceeded|context_length_exceeded|limit)$/u,
  ],
  [
    "content_filter",
    /^(?:content_?filter(?:ed)?|safety|recitation|blocklist|prohibited_?content|spii|image_safety|guardrail_intervened|content_filtered|error_toxic|moderation|sensitive|refusal)$/u,
  ],
  [
    "error",
    /^(?:error|error_.*|failed|internal_error|network_error|insufficient_system_resource|malformed_.*)$/u,
  ],
  [
    "stop",
    /^(?:stop|end_?turn|eos(?:_token)?|end_of_(?:sequence|text|turn)|stop_?sequence|complete(?:d)?|finish_?reason_stop|done|normal|success|length_stop)$/u,
  ],
];

/** Why a choice ended: by OpenAI's names and those of Gemini, Anthropic, Cohere, TGI, Ollama and Bedrock. */
function readEnd(choice: Fields): ChoicePart["end"] {
  const told = [
    choice.finish_reason,
    choice.finishReason,
    choice.stop_reason,
    choice.stopReason,
    choice.done_reason,
  ].find((value) => value !== null && value !== undefined && value !== "");
  if (told === undefined) return choice.done === true ? "stop" : null;
  if (typeof told !== "string") return "other";
  const name = told
    .trim()
    .toLowerCase()
    .replace(/^finish_?reason_/u, "")
    .replaceAll("-", "_");
  if (
    name === "null" ||
    name === "none" ||
    name === "finish_reason_unspecified" ||
    name === "unspecified"
  )
    return null;
  return ENDS.find(([, names]) => names.test(name))?.[0] ?? "other";
}

/** More tokens than any model writes in one call: a count above it is taken for this. */
export const MAX_COUNT = 10_000_000;

function readUsage(usage: Fields | null): Partial<TokenUsage> | null {
  if (usage === null) return null;
  const details = fields(usage.completion_tokens_details) ?? fields(usage.output_tokens_details);
  const promptTokens = count(usage.prompt_tokens ?? usage.input_tokens ?? usage.promptTokenCount);
  const completionTokens = count(
    usage.completion_tokens ?? usage.output_tokens ?? usage.candidatesTokenCount,
  );
  const reasoningTokens = count(
    details?.reasoning_tokens ?? usage.reasoning_tokens ?? usage.thoughtsTokenCount,
  );
  const prompt = fields(usage.prompt_tokens_details) ?? fields(usage.input_tokens_details);
  const cachedTokens = count(
    prompt?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.cachedContentTokenCount,
  );
  return {
    ...(promptTokens === null ? {} : { promptTokens }),
    ...(completionTokens === null ? {} : { completionTokens }),
    ...(cachedTokens === null ? {} : { cachedTokens }),
    ...(reasoningTokens === null ? {} : { reasoningTokens }),
  };
}

function ollamaUsage(chunk: Fields): Partial<TokenUsage> | null {
  const promptTokens = count(chunk.prompt_eval_count);
  const completionTokens = count(chunk.eval_count);
  if (promptTokens === null && completionTokens === null) return null;
  return {
    ...(promptTokens === null ? {} : { promptTokens }),
    ...(completionTokens === null ? {} : { completionTokens }),
  };
}

/** A count of tokens, whole and bounded, so that no sum of it can overflow; null: it tells none. */
function count(value: unknown): number | null {
  if (typeof value !== "number" || Number.isNaN(value) || value < 0) return null;
  return Math.min(MAX_COUNT, Math.round(value));
}
