/**
 * Text to token ids, equal to what Python's `tokenizers` gives for the same tokenizer.json.
 * @huggingface/tokenizers does the work. This module corrects where it differs from the Rust original
 * (found by comparing every code point, and random texts, with Python's ids):
 * - lone surrogates count as U+FFFD, which is how a text with them reaches Python at all;
 * - ideographs beyond U+FFFF get no spaces around them, since it looks at UTF-16 units;
 * - a capital sigma at a word's end is lowered to U+03C2 by JavaScript, to U+03C3 by Rust.
 * One difference remains: combining marks and punctuation of scripts that came after Unicode 8, which Rust's older
 * tables do not know. No training text has such a character.
 */
import { Tokenizer } from "@huggingface/tokenizers";
import { fail, ok, type Result } from "./result.ts";

export interface TextTokenizer {
  /** Ids without special tokens. */
  encode(text: string): number[];
  /** Id of [CLS], which opens every input. */
  readonly cls: number;
  /** Id of [SEP], which ends every part. */
  readonly sep: number;
}

export type TokenizerFailure =
  | { readonly kind: "tokenizer_malformed" }
  /** Not a BERT WordPiece tokenizer with the manifest's vocabulary. */
  | { readonly kind: "tokenizer_unsupported"; readonly field: string };

/**
 * Reads tokenizer.json (UTF-8). `vocabulary` is the encoder's number of embeddings: an id past it
 * would read outside of the table.
 */
export function readTokenizer(
  bytes: Uint8Array,
  vocabulary: number,
): Result<TextTokenizer, TokenizerFailure> {
  let tokenizer: Tokenizer;
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
    const unsupported = unsupportedField(json);
    if (unsupported !== null) return fail({ kind: "tokenizer_unsupported", field: unsupported });
    tokenizer = new Tokenizer(json as object, {});
  } catch {
    return fail({ kind: "tokenizer_malformed" });
  }
  const cls = tokenizer.token_to_id("[CLS]");
  const sep = tokenizer.token_to_id("[SEP]");
  if (cls === undefined || sep === undefined) return fail({ kind: "tokenizer_malformed" });
  if (largestId(tokenizer) >= vocabulary) {
    return fail({ kind: "tokenizer_unsupported", field: "vocabulary" });
  }
  const encode = (text: string): number[] =>
    tokenizer.encode(alignWithRust(text), { add_special_tokens: false }).ids;
  return ok({ encode, cls, sep });
}

/** The blocks that BertNormalizer puts spaces around (it leaves out U+2B820 to U+2B91F too). */
const farIdeograph =
  /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

function alignWithRust(text: string): string {
  return text.toWellFormed().replace(farIdeograph, " $& ").replaceAll("\u03A3", "\u03C3");
}

function largestId(tokenizer: Tokenizer): number {
  let largest = 0;
  for (const id of tokenizer.get_vocab().values()) largest = Math.max(largest, id);
  return largest;
}

/** `alignWithRust` is right for this normalizer only, so any other is refused. */
function unsupportedField(json: unknown): string | null {
  const typeOf = (key: string): unknown =>
    at(at(json, key), "type") ?? (key === "model" ? undefined : null);
  if (typeOf("normalizer") !== "BertNormalizer") return "normalizer";
  if (at(at(json, "normalizer"), "lowercase") !== true) return "normalizer.lowercase";
  if (typeOf("pre_tokenizer") !== "BertPreTokenizer") return "pre_tokenizer";
  if ((typeOf("model") ?? "WordPiece") !== "WordPiece") return "model";
  return null;
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}
