/** From candidate files to scored files, each question scored once however often the command was stopped. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../../../src/adapter/manifest.ts";
import { type FileQuestion, readBytes, readCandidateFile, setName } from "../candidateFile.ts";
import { CoreFault } from "../fault.ts";
import { type Journal, openJournal } from "./journal.ts";
import { type Progress, startProgress } from "./progress.ts";
import { scoredRow, writeScoredFile } from "./scoredFile.ts";
import type { Scorer } from "./scorer.ts";

export interface ScoreFilesOptions {
  readonly data: readonly string[];
  /** Folder of scored files and journals. */
  readonly out: string;
  readonly manifest: Manifest;
  readonly engine: string;
  readonly ks: readonly number[];
  /** Lines to score, by file; of a file without an entry all of them. */
  readonly lines: ReadonlyMap<string, ReadonlySet<number>>;
  /** Called when there is something to score. */
  readonly openScorer: () => Promise<Scorer>;
}

interface DataSet {
  readonly name: string;
  readonly questions: readonly FileQuestion[];
  readonly journal: Journal;
}

/** Paths of the scored files, in the order of `data`. Throws `CoreFault`. */
export async function scoreFiles(options: ScoreFilesOptions): Promise<string[]> {
  const names = options.data.map(setName);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) throw new CoreFault("same_name", `two files are called ${twice}`);
  const sets: DataSet[] = [];
  try {
    for (const file of options.data) sets.push(await openSet(file, options));
    await scoreMissing(sets, options.openScorer);
    return sets.map(({ name, questions, journal }) => {
      const path = join(options.out, `${name}.scored.jsonl.gz`);
      const rows = questions.map((question) => {
        const scores = journal.scores.get(question.line);
        if (scores === undefined) throw new Error("a question was left unscored");
        return scoredRow(question, scores, options);
      });
      writeScoredFile(path, rows);
      return path;
    });
  } finally {
    for (const { journal } of sets) journal.close();
  }
}

async function openSet(file: string, options: ScoreFilesOptions): Promise<DataSet> {
  const name = setName(file);
  const bytes = readBytes(file);
  const lines = options.lines.get(file);
  const questions = readCandidateFile(file, bytes).filter(({ line }) => lines?.has(line) ?? true);
  if (questions.length === 0)
    throw new CoreFault("empty_file", `${name}: no question is in this share`);
  // Calibration and selector are no part of a score: a bundle that is calibrated anew needs no new scores.
  const { files, budget, template, attention, version } = options.manifest;
  const weights = files
    .filter(({ role }) => role !== "card")
    .map(({ role, sha256 }) => [role, sha256]);
  const model = [version, weights, budget, template, attention];
  const settings = hash(JSON.stringify([options.engine, engineHash, ...model, hash(bytes)]));
  const path = join(options.out, `${name}.${settings.slice(0, 12)}.journal.jsonl`);
  return { name, questions, journal: await openJournal(path, settings) };
}

const hash = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");
/** Another build of the engine may round otherwise. */
const engineHash = hash(
  readFileSync(new URL("../../../src/adapter/engines/simd/encoder.wasm", import.meta.url)),
);

async function scoreMissing(sets: readonly DataSet[], open: () => Promise<Scorer>): Promise<void> {
  const all = sets.flatMap(({ questions, journal }) =>
    questions.map((question) => ({ question, journal })),
  );
  const missing = all.filter(({ question, journal }) => !journal.scores.has(question.line));
  if (missing.length === 0) return;
  const total = candidatesOf(all);
  const scorer = await open();
  const progress = startProgress(total, total - candidatesOf(missing));
  try {
    await inParallel(missing, scorer, progress);
  } finally {
    progress.end();
    await scorer.close();
  }
}

function candidatesOf(list: readonly { readonly question: FileQuestion }[]): number {
  return list.reduce((sum, { question }) => sum + question.candidates.length, 0);
}

async function inParallel(
  missing: readonly { readonly question: FileQuestion; readonly journal: Journal }[],
  scorer: Scorer,
  progress: Progress,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async () => {
    while (!failed) {
      const item = missing[next];
      next += 1;
      if (item === undefined) return;
      const { question, journal } = item;
      try {
        journal.add(question.line, await scorer.score(question));
      } catch (error) {
        failed = true;
        throw error;
      }
      progress.tick(question.candidates.length);
    }
  };
  await Promise.all(Array.from({ length: scorer.parallel }, lane));
}
