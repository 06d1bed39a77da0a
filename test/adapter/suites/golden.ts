/** The forms of the golden files that Python writes (scripts/train), and how to read them. */
import type { Manifest } from "../../../src/adapter/manifest.ts";
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

/** logits.golden.jsonl: the first candidates of a recorded question. */
export interface LogitsLine {
  readonly id: string;
  readonly candidates: readonly {
    readonly index: number;
    /** Float32 in torch, question and candidate packed under the mask. */
    readonly torch: number;
    /** The bundle's graph in native ONNX Runtime, on the question's cached keys and values. */
    readonly int8: number;
  }[];
}

/** A line of examples/recorded, as far as it is read here. */
export interface RecordedLine {
  readonly id: string;
  readonly question: string;
  readonly options: Readonly<Record<string, string>> | null;
  readonly context: string | null;
  readonly candidates: readonly { readonly text: string; readonly answer: string | null }[];
}

/** selector.golden.json: decisions of fitted fields on invented logits. */
export interface SelectorGolden
  extends Pick<Manifest, "calibration" | "selector" | "abstention" | "adaptiveK"> {
  readonly cases: readonly {
    readonly name: string;
    readonly task: string;
    readonly labels: readonly string[];
    readonly closed: boolean;
    readonly hasContext: boolean;
    readonly evidenceUnseen: boolean;
    readonly candidates: readonly { readonly answer: string | null; readonly logit: number }[];
    readonly probabilities: readonly number[];
    readonly winner: string | null;
    readonly score: number | null;
    readonly scores: Readonly<Record<string, number>>;
    readonly confidence: number | null;
    readonly bestOf: string | null;
    readonly staysAhead: number;
    /** Candidates asked for until the stopping rule ends it; null without a rule. */
    readonly spent: number | null;
    /** By target error: whether the question is answered. */
    readonly answered: Readonly<Record<string, boolean>>;
  }[];
}

export function lines<Line>(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
