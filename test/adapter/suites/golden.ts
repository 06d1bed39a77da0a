/** The forms of the golden files that Python writes (scripts/train), and how to read them. */
import type { Option } from "../../../src/tasks/question.ts";

/** tokenizer.golden.jsonl: ids of a text, without special tokens. */
export interface TokenizerLine {
  readonly text: string;
  readonly ids: readonly number[];
}

interface Encoded {
  readonly ids: readonly number[];
  readonly truncated: boolean;
}

/** template.golden.jsonl: a question and a candidate as ids, or the name of the refusal. */
export interface TemplateLine {
  readonly name: string;
  readonly question: string;
  readonly options: readonly Option[];
  readonly context: string | null;
  readonly answer: string | null;
  readonly text: string;
  readonly prefix: Encoded | { readonly error: string };
  readonly candidate: Encoded;
}

export function lines<Line>(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
