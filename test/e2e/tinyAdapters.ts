/**
 * Two versions of an adapter, made in seconds: a tiny random BERT with the shipped tokenizer, as it is (old) and trained
 * on the project's recorded examples (new). They are good for nothing but being told apart by their scores.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { recordings } from "./recordings.ts";
import { pythonScript, train } from "./trainer.ts";

const PASSES = 32;
const BATCH = 8;

export interface TinyAdapters {
  readonly old: string;
  readonly trained: string;
}

/** Makes both below `folder`, as the bundles of versions 1.0.0 and 1.1.0 of adapter `mini`. */
export async function tinyAdapters(folder: string): Promise<TinyAdapters> {
  const at = (name: string) => join(folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(at("recorded.jsonl"), `${recordings().map(candidateLine).join("\n")}\n`);
  await pythonScript("tiny_base.py", [at("base")]);
  writeFileSync(at("tiny.toml"), settings(at("base")));
  const version = (name: string) => ["--version", name];
  await Promise.all([
    train(["export", at("tiny.toml"), "--out", at("old"), "--untrained", ...version("1.0.0")]),
    train(["train", at("tiny.toml"), "--out", at("run"), "--data", folder]),
  ]);
  const step = String(PASSES / BATCH).padStart(5, "0");
  const weights = at(join("run", "weights", `step-${step}.safetensors`));
  const trained = ["--out", at("trained"), "--weights", weights, ...version("1.1.0")];
  await train(["export", at("tiny.toml"), ...trained]);
  return { old: at("old"), trained: at("trained") };
}

/** A copy of a bundle under another version. */
export function copyBundle(bundle: string, target: string, version: string): string {
  cpSync(bundle, target, { recursive: true });
  const path = join(target, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...manifest, version }));
  return target;
}

/** A recording as a candidate file has it (docs/data.md). */
function candidateLine({ candidates, ...question }: ReturnType<typeof recordings>[number]): string {
  const own = { model: "replay", method: "recorded" };
  const labelled = candidates.map((candidate, cid) => ({ cid: String(cid), ...own, ...candidate }));
  return JSON.stringify({ ...question, candidates: labelled });
}

function settings(base: string): string {
  return `
[train]
base = ${JSON.stringify(base)}
passes = ${PASSES}
batch = ${BATCH}
warmup_steps = 1
learning_rate = 1e-3
head_learning_rate = 5e-3
validate_every = ${PASSES}
checkpoint_every = ${PASSES}
bf16 = false
threads = 2
sets = [{ file = "recorded.jsonl", candidates = 6 }]

[bundle]
name = "mini"
base_model = "tiny random BERT"
base_source = "made by a test"

[[provenance]]
name = "recorded"
licence = "Apache-2.0"
llms = ["replay"]
note = "written for this project"
`;
}
