/** Candidate sets, as the service would see them: options in the task's form, questions that training has not read. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import type { Option, Question } from "../../src/tasks/question.ts";
import { labelOptions } from "../../src/tasks/question.ts";
import { inferTask, taskById } from "../../src/tasks/registry.ts";
import type { TaskSpec } from "../../src/tasks/task.ts";
import { ownQuestion } from "../core/candidateFile.ts";
import { fileText, filledLines } from "../lib/textFile.ts";

export interface Case {
  readonly task: TaskSpec;
  readonly question: Question;
  readonly gold: string;
  readonly texts: readonly string[];
}

const rowSchema = z.object({
  question: z.string(),
  options: z.record(z.string(), z.string()),
  context: z.string().nullable(),
  evidence: z.string().nullish(),
  gold: z.string(),
  candidates: z.array(z.object({ text: z.string() })),
});

/**
 * From here on a question is in the split's test share (scripts/train/medadapter_train/data/split.py). The validation share
 * before it is no longer unread: cross-fitted sets are trained on theirs.
 */
const TEST_SHARE = 0.88;

/** The questions of a file that are in the test share, with at least two candidates. */
export function readQuestions(file: string): Case[] {
  const rows = filledLines(fileText(file, readFileSync(file)));
  const named = taskOfFile(basename(file));
  return rows
    .map((line) => rowSchema.parse(JSON.parse(line)))
    .map((row) => ({
      ...row,
      question: ownQuestion(row.question, row.context || row.evidence || ""),
    }))
    .filter(({ question, candidates }) => position(question) >= TEST_SHARE && candidates.length > 1)
    .map((row) => toCase(row, named));
}

/** The same share as training's, but for letters whose case folds to several (German sharp s). */
function position(question: string): number {
  const plain = question
    .normalize("NFKC")
    .toLowerCase()
    .replace(/\banswer choices:.*$/s, "")
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
  const digest = createHash("sha256").update(plain).digest("hex");
  return Number.parseInt(digest.slice(0, 13), 16) / 16 ** 13;
}

function taskOfFile(name: string): TaskSpec | null {
  const [, id = ""] = /^(?:mirage_)?(pubmedqa|medqa|medmcqa|bioasq|mmlu)/.exec(name) ?? [];
  return taskById(id === "mmlu" ? "mmlu_med" : id);
}

function toCase(row: z.infer<typeof rowSchema>, named: TaskSpec | null): Case {
  const lettered: Option[] = Object.entries(row.options).map(([label, text]) => ({ label, text }));
  const context = row.context || null;
  const asked = {
    question: row.question,
    context,
    ...(row.evidence && context === null ? { evidence: row.evidence } : {}),
  };
  const task = named ?? inferTask({ ...asked, options: lettered });
  const texts = row.candidates.map(({ text }) => text);
  const options = task.kind === "closed" && task.labels.length > 0 ? labelOptions(task) : lettered;
  const goldText = row.options[row.gold] ?? "";
  const gold = options === lettered ? row.gold : goldText.trim().toLowerCase();
  return { task, question: { ...asked, options }, gold, texts };
}
