/** Candidate sets, as the service would see them: options in the task's form, questions that training has not read. */
import { createHash } from "node:crypto";
import { labelOptions, type Question } from "../../src/tasks/question.ts";
import { inferTask, taskById } from "../../src/tasks/registry.ts";
import type { TaskSpec } from "../../src/tasks/task.ts";
import { type LabelledQuestion, readCandidateFile } from "../core/candidateFile.ts";

export interface Case {
  readonly task: TaskSpec;
  readonly question: Question;
  readonly gold: string;
  readonly texts: readonly string[];
}

/**
 * From here on a question is in the split's test share (scripts/train/medadapter_train/data/split.py). The validation share
 * before it is no longer unread: cross-fitted sets are trained on theirs.
 */
const TEST_SHARE = 0.88;

/** The questions of a file that are in the test share, with at least two candidates. */
export function readQuestions(file: string): Case[] {
  return readCandidateFile(file)
    .filter(({ question, candidates }) => {
      return position(question.question) >= TEST_SHARE && candidates.length > 1;
    })
    .map(toCase);
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

function toCase({ question, task: id, gold, candidates }: LabelledQuestion): Case {
  const task = taskById(id) ?? inferTask(question);
  const options = task.kind === "closed" ? labelOptions(task) : question.options;
  const texts = candidates.map(({ text }) => text);
  return { task, question: { ...question, options }, gold, texts };
}
