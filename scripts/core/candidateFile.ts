/** Candidate files as `docs/data.md` has them. Errors name file, line and field, never content. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import type { Option, Question } from "../../src/tasks/question.ts";
import { toQuestion } from "../../src/worker/answer/question.ts";
import { fileText } from "../lib/textFile.ts";
import { CoreFault } from "./fault.ts";

export interface Candidate {
  readonly text: string;
  /** Label of an option; null where none was parsed. */
  readonly answer: string | null;
  readonly correct: boolean;
  readonly model: string;
}

/** A question with labelled candidates. */
export interface LabelledQuestion {
  readonly question: Question;
  /** The registry's task; empty where neither the line nor the file's name tells. */
  readonly task: string;
  /** The right label; of free text whatever the file has. */
  readonly gold: string;
  readonly candidates: readonly Candidate[];
}

/** The same as it stands in a file. */
export interface FileQuestion extends LabelledQuestion {
  /** Number of its line, from 1. */
  readonly line: number;
  /** The line as it was read. */
  readonly raw: Readonly<Record<string, unknown>>;
}

const rowSchema = z.looseObject({
  question: z.string().regex(/\S/),
  options: z.record(z.string(), z.string()).nullish(),
  context: z.string().nullish(),
  evidence: z.string().nullish(),
  task: z.string().nullish(),
  gold: z.unknown(),
  candidates: z
    .array(
      z.looseObject({
        text: z.string().regex(/\S/),
        answer: z.union([z.string(), z.number()]).nullish(),
        correct: z.boolean(),
        model: z.string().nullish(),
      }),
    )
    .min(1),
});

const closedWords = new Set(["yes", "no", "maybe"]);
/** Tasks by the words of a file's name. */
const taskWords: Readonly<Record<string, string>> = {
  pubmedqa: "pubmedqa",
  bioasq: "bioasq",
  medmcqa: "medmcqa",
  medqa: "medqa",
  medqa5: "medqa",
  mmlu: "mmlu_med",
};

/** `a/pubmedqa_x6.jsonl.gz` is the set `pubmedqa_x6`. */
export function setName(file: string): string {
  return basename(file)
    .replace(/\.gz$/, "")
    .replace(/\.jsonl?$/, "");
}

/** @param bytes of the file, for who has them. Throws `CoreFault`. */
export function readCandidateFile(file: string, bytes = readBytes(file)): FileQuestion[] {
  const name = basename(file);
  const found: FileQuestion[] = [];
  for (const [at, text] of textOf(bytes, file).split("\n").entries()) {
    if (text.trim() === "") continue;
    const where = `${name}:${at + 1}`;
    const raw = parseLine(text, where);
    found.push({
      ...readRow(raw, setName(file), where),
      line: at + 1,
      raw: raw as Record<string, unknown>,
    });
  }
  if (found.length === 0) throw new CoreFault("empty_file", `${name}: no questions`);
  return found;
}

/** Throws `CoreFault` where there is no such file. */
export function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    throw new CoreFault("file_missing", `${basename(file)}: cannot be read`);
  }
}

function textOf(bytes: Buffer, file: string): string {
  try {
    return fileText(file, bytes);
  } catch {
    throw new CoreFault("file_damaged", `${basename(file)}: damaged, or not UTF-8`);
  }
}

function parseLine(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CoreFault("bad_record", `${where}: not JSON`);
  }
}

/**
 * One line, decoded. Throws `CoreFault` bad_record, no_candidates, unknown_label.
 * @param where file and line: all that an error tells
 */
export function readRow(raw: unknown, set: string, where: string): LabelledQuestion {
  const parsed = rowSchema.safeParse(raw);
  if (!parsed.success) {
    const path = parsed.error.issues[0]?.path ?? [];
    const none = path.length === 1 && path[0] === "candidates";
    throw new CoreFault(
      none ? "no_candidates" : "bad_record",
      `${where}: field ${path.map(String).join(".")} is missing, or not as docs/data.md has it`,
    );
  }
  const { data } = parsed;
  const { options, rename } = readOptions(data.options ?? {});
  const labels = new Set(options.map(({ label }) => label));
  const gold = rename.get(String(data.gold)) ?? String(data.gold);
  if (labels.size > 0 && !labels.has(gold)) {
    throw new CoreFault("unknown_label", `${where}: field gold is none of the options`);
  }
  const candidates = data.candidates.map(({ text, answer, correct, model }, at) => {
    const named = answer == null ? null : (rename.get(String(answer)) ?? String(answer));
    const known = named === null || labels.size === 0 || labels.has(named);
    if (!known && correct) {
      throw new CoreFault(
        "unknown_label",
        `${where}: candidates[${at}] is right with an answer that is no option`,
      );
    }
    // LLMs do name options that are not there: that is no parsed answer.
    return { text: text.toWellFormed(), answer: known ? named : null, correct, model: model ?? "" };
  });
  const question = toQuestion({
    question: ownQuestion(data.question, data.context || data.evidence || ""),
    options,
    context: data.context || null,
    ...(data.evidence && !data.context ? { evidence: data.evidence } : {}),
  });
  return { question, task: data.task || taskOfSet(set), gold, candidates };
}

/** A context that is shorter may be a phrase of the question. */
const LEAST_REPEATED = 40;

/**
 * The question without its context, where it repeats that word for word: the adapter reads the context beside it, and
 * the same question elsewhere must fall into the same share of the split.
 */
export function ownQuestion(question: string, context: string): string {
  const repeated = context.trim();
  if (repeated.length < LEAST_REPEATED) return question;
  return question.split(repeated).join(" ").trim() || question;
}

/** The registry's task by the words of a set's name; empty where none of them tells. */
export function taskOfSet(set: string): string {
  const word = set
    .toLowerCase()
    .split("_")
    .find((one) => Object.hasOwn(taskWords, one));
  return word === undefined ? "" : (taskWords[word] ?? "");
}

/** Letters of options that read yes, no, maybe become those words, as the service names them. */
function readOptions(given: Readonly<Record<string, string>>): {
  options: Option[];
  rename: Map<string, string>;
} {
  const pairs = Object.entries(given);
  const words = pairs.map(([label, text]) => [label, text.trim().toLowerCase()] as const);
  if (pairs.length > 0 && words.every(([, word]) => closedWords.has(word))) {
    return {
      options: words.map(([, word]) => ({ label: word, text: word })),
      rename: new Map(words),
    };
  }
  return { options: pairs.map(([label, text]) => ({ label, text })), rename: new Map() };
}
