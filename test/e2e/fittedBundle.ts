/**
 * A copy of the shipped bundle whose manifest has everything fitted, by hand and so that decisions follow from the votes
 * alone, whatever the weights are: each candidate counts as right with the probability sigmoid(2), an answer's confidence
 * is sigmoid(10 * vote share - 5), for PubMedQA-like questions of the replay LLM.
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleDir } from "../../scripts/lib/localStack.ts";
import type { Manifest } from "../../src/adapter/manifest.ts";

export const fitted = {
  calibration: { kind: "platt", a: 0, b: 2 },
  selector: {
    features: ["vote_share"],
    groups: [
      {
        context: true,
        labels: "closed",
        weights: [10],
        bias: -5,
        priors: {},
        confidence: { a: 1, b: 0 },
      },
    ],
  },
  abstention: [
    { targetError: 0.05, threshold: null, coverage: null, confidenceLevel: 0.9 },
    { targetError: 0.1, threshold: 0.9, coverage: 0.4, confidenceLevel: 0.9 },
    { targetError: 0.2, threshold: 0.7, coverage: 0.8, confidenceLevel: 0.9 },
  ],
  adaptiveK: { threshold: 0.9, first: 3, step: 2 },
  validatedOn: [{ llm: "replay", task: "pubmedqa" }],
} satisfies Partial<Manifest>;

/** Writes the bundle into `folder` with these fields of its manifest replaced. */
export function writeBundle(folder: string, version: string, fields: Partial<Manifest>): string {
  const target = join(folder, `bundle-${version}`);
  cpSync(bundleDir, target, { recursive: true });
  const path = join(target, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...manifest, ...fields, version }));
  return target;
}
