/** Scored files: a candidate file with scores and decisions (docs/data.md), which Python measures. */
import { renameSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Manifest } from "../../../src/adapter/manifest.ts";
import { probabilityOf } from "../../../src/adapter/ranker.ts";
import { isEvidenceUnseen, readByAdapter } from "../../../src/tasks/question.ts";
import type { FileQuestion } from "../candidateFile.ts";
import { adaptiveCurve, kCurve, ordersOf } from "../curves.ts";
import { type AskedQuestion, ballotOf, decide, everyCandidate, isValidated } from "../decide.ts";
import type { QuestionScores } from "./scorer.ts";

export interface Decider {
  readonly manifest: Manifest;
  readonly engine: string;
  readonly ks: readonly number[];
}

/** One line of it. */
export function scoredRow(question: FileQuestion, scores: QuestionScores, decider: Decider) {
  const { manifest, engine, ks } = decider;
  const scored = scores.kind === "scored" ? scores : null;
  const ballot = ballotOf(askedQuestion(question, scored?.logits ?? null), manifest);
  const orders = ordersOf(question.line, question.candidates.length);
  const llms = [...new Set(question.candidates.map(({ model }) => model))];
  const candidates = question.raw.candidates as readonly object[];
  return {
    ...question.raw,
    candidates: candidates.map((candidate, at) => {
      const logit = scored?.logits[at] ?? null;
      return {
        ...candidate,
        logit,
        probability: logit === null ? null : probabilityOf(logit, manifest.calibration),
        bare: scored?.bare[at] ?? null,
        truncated: scored?.truncated[at] ?? false,
      };
    }),
    scored: {
      adapter: `${manifest.name}@${manifest.version}`,
      engine,
      unscored: scores.kind === "unscored" ? scores.reason : null,
      ...decide(ballot, everyCandidate(ballot)),
      validated: isValidated(ballot, llms),
      k_curve: kCurve(ballot, ks, orders),
      adaptive: adaptiveCurve(ballot, manifest.adaptiveK, orders),
    },
  };
}

function askedQuestion(
  { question, task, candidates }: FileQuestion,
  logits: readonly number[] | null,
): AskedQuestion {
  return {
    options: question.options,
    hasContext: readByAdapter(question) !== null,
    evidenceUnseen: isEvidenceUnseen(question),
    task,
    answers: candidates.map(({ answer }) => answer),
    correct: candidates.map(({ correct }) => correct),
    logits,
  };
}

/** Written whole or not at all. */
export function writeScoredFile(path: string, rows: Iterable<object>): void {
  const lines = Array.from(rows, (row) => `${JSON.stringify(row)}\n`);
  writeFileSync(`${path}.part`, gzipSync(lines.join("")));
  renameSync(`${path}.part`, path);
}
