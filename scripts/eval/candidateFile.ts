/**
 * Candidate files as `docs/data.md` has them; the Python twin is scripts/train/medadapter_train/data/candidates.py.
 * Errors name file, line and field, never content.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import type { Question } from "../../src/tasks/question.ts";
import { toQuestion } from "../../src/worker/answer/question.ts";
import { fileText } from "../lib/textFile.ts";
import { EvalFault } from "./fault.ts";

export interface Candidate {
  readonly text: string;
  /** Label of an option; null where none was parsed. */
  readonly answer: string | null;
  readonly correct: boolean;
  readonly model: string;
}

export interface EvalQuestion {
  /** Number of its line, from 1. */
  readonly line: number;
  /** The line as it was read. */
  readonly raw: Readonly<Record<string, unknown>>;
  readonly question: Question;
  /** The registry's task; empty where neither the line nor the file's name tells. */
  readonly task: string;
  readonly candidates: readonly Candidate[];
}

const row = z.looseObject({
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
        answer: z.string().nullish(),
        correct: z.boolean(),
        model: z.string().nullish(),
      }),
    )
    .min(1),
});

const closedWords = new Set(["yes", "no", "maybe"]);
/** Tasks by the words of a file's name, as Python's data/tasks.py has them. */
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

/** @param bytes of the file, for who has them. Throws `EvalFault`. */
export function readCandidateFile(file: string, bytes = readBytes(file)): EvalQuestion[] {
  const name = basename(file);
  const found: EvalQuestion[] = [];
  for (const [at, line] of textOf(bytes, file).split("\n").entries()) {
    if (line.trim() !== "") found.push(readLine(line, at + 1, name));
  }
  if (found.length === 0) throw new EvalFault(`${name}: no questions`);
  return found;
}

/** Throws `EvalFault` where there is no such file. */
export function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    throw new EvalFault(`${basename(file)}: cannot be read`);
  }
}

function textOf(bytes: Buffer, file: string): string {
  try {
    return fileText(file, bytes);
  } catch {
    throw new EvalFault(`${basename(file)}: damaged, or not UTF-8`);
  }
}

function readLine(text: string, line: number, name: string): EvalQuestion {
  const where = `${name}:${line}`;
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new EvalFault(`${where}: not JSON`);
  }
  const parsed = row.safeParse(raw);
  if (!parsed.success) {
    throw new EvalFault(`${where}: field ${parsed.error.issues[0]?.path.join(".") ?? ""}`);
  }
  const { data } = parsed;
  const { options, rename } = readOptions(data.options ?? {});
  const labels = new Set(options.map(([label]) => label));
  const gold = String(data.gold);
  if (labels.size > 0 && !labels.has(rename.get(gold) ?? gold)) {
    throw new EvalFault(`${where}: field gold is none of the options`);
  }
  const candidates = data.candidates.map(({ text: body, answer, correct, model }, at) => {
    const named = answer == null ? null : (rename.get(answer) ?? answer);
    const known = named === null || labels.size === 0 || labels.has(named);
    if (!known && correct) {
      throw new EvalFault(`${where}: candidates[${at}] is right with an answer that is no option`);
    }
    // LLMs do name options that are not there: that is no parsed answer.
    return { text: body.toWellFormed(), answer: known ? named : null, correct, model: model ?? "" };
  });
  const question = toQuestion({
    question: ownQuestion(data.question, data.context || data.evidence || ""),
    options: options.map(([label, body]) => ({ label, text: body })),
    context: data.context || null,
    ...(data.evidence && !data.context ? { evidence: data.evidence } : {}),
  });
  const task = data.task || taskOf(setName(name));
  return { line, raw: raw as Record<string, unknown>, question, task, candidates };
}

/** A context that is shorter may be a phrase of the question. */
const LEAST_REPEATED = 40;

/** The question without its context, where it repeats that word for word; as the training package reads it. */
export function ownQuestion(question: string, context: string): string {
  const repeated = context.trim();
  if (repeated.length < LEAST_REPEATED) return question;
  return question.split(repeated).join(" ").trim() || question;
}

function taskOf(set: string): string {
  const word = set
    .toLowerCase()
    .split("_")
    .find((one) => Object.hasOwn(taskWords, one));
  return word === undefined ? "" : (taskWords[word] ?? "");
}

/** Letters of options that read yes, no, maybe become those words, as the service names them. */
function readOptions(given: Readonly<Record<string, string>>) {
  const pairs = Object.entries(given);
  const words = pairs.map(([label, text]) => [label, text.trim().toLowerCase()] as const);
  if (pairs.length > 0 && words.every(([, word]) => closedWords.has(word))) {
    return {
      options: words.map(([, word]) => [word, word] as const),
      rename: new Map<string, string>(words),
    };
  }
  return { options: pairs, rename: new Map<string, string>() };
}
