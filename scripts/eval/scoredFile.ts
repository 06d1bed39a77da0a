/** Scored files: a candidate file with scores and decisions (docs/data.md), which Python measures. */
import { renameSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Manifest } from "../../src/adapter/manifest.ts";
import { probabilityOf } from "../../src/adapter/ranker.ts";
import type { EvalQuestion } from "./candidateFile.ts";
import { adaptiveCurve, kCurve, ordersOf } from "./curves.ts";
import { ballotOf, decide } from "./decide.ts";
import type { QuestionScores } from "./scorer.ts";

export interface Decider {
  readonly manifest: Manifest;
  readonly engine: string;
  readonly ks: readonly number[];
}

/** One line of it. */
export function scoredRow(question: EvalQuestion, scores: QuestionScores, decider: Decider) {
  const { manifest, engine, ks } = decider;
  const ballot = ballotOf(question, scores, manifest);
  const orders = ordersOf(question.line, question.candidates.length);
  const scored = scores.kind === "scored" ? scores : null;
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
      ...decide(ballot),
      k_curve: kCurve(ballot, ks, orders),
      adaptive: adaptiveCurve(ballot, orders),
    },
  };
}

/** Written whole or not at all. */
export function writeScoredFile(path: string, rows: Iterable<object>): void {
  const lines = Array.from(rows, (row) => `${JSON.stringify(row)}\n`);
  writeFileSync(`${path}.part`, gzipSync(lines.join("")));
  renameSync(`${path}.part`, path);
}
