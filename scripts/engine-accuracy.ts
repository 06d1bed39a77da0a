/**
 * What quantization costs: logits of our encoder engine (int8, and 4-bit weights) and of ONNX Runtime's
 * int8, all against float32 torch on the same ids. Prints counts and errors only, never a text.
 *
 *   node scripts/engine-accuracy.ts --bundle DIR --weights FILE.safetensors --python PATH
 *     [--questions N] [--json FILE] FILE.jsonl[.gz]...
 *
 * FILE: recorded examples, or candidate sets of the same form whose `answer` is a label of `options`;
 * a context is read from `evidence`, else from `context`. Without an `encoder.bin` in the bundle one
 * is packed from the weights. Where there are more than N questions, every k-th is taken, in an order
 * that mixes the files; a first Ctrl-C reports what has been scored so far.
 */
import { spawn } from "node:child_process";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { EncoderInput } from "../src/adapter/engine.ts";
import { encoderModule } from "../src/adapter/engines/simd/engine.node.ts";
import { startSimdEngine } from "../src/adapter/engines/simd/engine.ts";
import { parseManifest } from "../src/adapter/manifest.ts";
import { encodeCandidate, encodeQuestion } from "../src/adapter/template.ts";
import { readTokenizer } from "../src/adapter/tokenizer.ts";
import { measures, type Scored, table } from "./lib/engineMeasures.ts";
import { fileText, filledLines } from "./lib/textFile.ts";

interface Row {
  readonly question: string;
  readonly options: Readonly<Record<string, string>> | null;
  readonly context: string | null;
  readonly evidence?: string | null;
  readonly candidates: readonly {
    readonly text: string;
    readonly answer: string | null;
    readonly correct: boolean;
  }[];
}

interface Reference {
  readonly float: readonly number[];
  readonly int8: readonly number[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bundle: { type: "string", default: "models/mini" },
    weights: { type: "string", default: "" },
    python: { type: "string", default: "python3" },
    questions: { type: "string", default: "1000" },
    json: { type: "string" },
  },
});

const read = async (path: string) => new Uint8Array(await readFile(path));
const inBundle = (file: string) => join(values.bundle, file);
const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function rows(): Promise<{ set: string; row: Row }[]> {
  const all: { set: string; row: Row }[] = [];
  for (const file of positionals) {
    const lines = filledLines(fileText(file, await readFile(file)));
    const set = basename(file).replace(/\.jsonl(\.gz)?$/, "");
    for (const line of lines) all.push({ set, row: JSON.parse(line) });
  }
  const wanted = Math.min(all.length, Number(values.questions));
  const step = all.length / wanted;
  // The stride is coprime to any number of questions that it does not divide.
  const mixed = (index: number) => (index * 7919) % wanted;
  return Array.from({ length: wanted }, (_, i) => all[Math.floor(mixed(i) * step)] ?? []).flat();
}

const parsed = parseManifest(await read(inBundle("manifest.json")));
if (!parsed.ok) throw new Error(`manifest: ${parsed.failure.kind}`);
const { budget, template, base } = parsed.value;
const tokenizer = readTokenizer(await read(inBundle("tokenizer.json")), base.vocabulary);
if (!tokenizer.ok) throw new Error(`tokenizer: ${tokenizer.failure.kind}`);

function inputs({ question, options, context, evidence, candidates }: Row) {
  if (!tokenizer.ok) throw new Error("no tokenizer");
  const listed = Object.entries(options ?? {}).map(([label, text]) => ({ label, text }));
  const prefix = encodeQuestion(tokenizer.value, budget, {
    question,
    options: listed,
    context: evidence ?? context,
  });
  if (!prefix.ok) return null;
  const texts = candidates.map(({ answer, text }) => {
    const option = listed.find(({ label }) => label === answer) ?? null;
    const candidate = { answer: option, text };
    const hasOptions = listed.length > 0;
    return encodeCandidate(tokenizer.value, budget, template.noAnswer, hasOptions, candidate);
  });
  return { prefix: prefix.value, candidates: texts };
}

const scratch = await mkdtemp(join(tmpdir(), "engine-"));
const packed = inBundle("encoder.bin");
const packs = !(await exists(packed));
const encoderFile = packs ? join(scratch, "encoder.bin") : packed;
/** The same weights in 4 bits, the embeddings in 8 or in 4. */
const fours = { "simd, weights 4-bit": "8", "simd, all 4-bit": "4" };
const fourFile = (words: string) => join(scratch, `encoder-4-${words}.bin`);
const python = spawn(
  values.python,
  [
    ...["-m", "medadapter_train.bundle.engine_reference", "--weights", values.weights],
    ...["--graph", inBundle("adapter.ort"), ...(packs ? ["--pack", encoderFile] : [])],
    ...Object.values(fours).flatMap((words) => ["--pack-four", words, fourFile(words)]),
  ],
  {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, PYTHONPATH: new URL("train", import.meta.url).pathname },
  },
);
const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
const answer = async () => {
  const { value, done } = await answers.next();
  if (done) throw new Error("the reference ended early");
  return JSON.parse(value);
};

try {
  await answer();
  const start = async (file: string) =>
    startSimdEngine(await encoderModule(), await read(file), budget);
  const engines = new Map([["simd", await start(encoderFile)]]);
  for (const [name, words] of Object.entries(fours)) {
    engines.set(name, await start(fourFile(words)));
  }
  const scored: Scored[] = [];
  let stopped = false;
  process.once("SIGINT", () => {
    stopped = true;
  });
  for (const { set, row } of await rows()) {
    if (stopped) break;
    const ids = inputs(row);
    if (ids === null || row.candidates.length < 2) continue;
    const plain = ({ ids: list }: EncoderInput) => list;
    const request = { prefix: plain(ids.prefix), candidates: ids.candidates.map(plain) };
    python.stdin.write(`${JSON.stringify(request)}\n`);
    const ours: Record<string, number[]> = {};
    for (const [name, engine] of engines) {
      const prefix = await engine.encodePrefix(ids.prefix);
      const logits: number[] = [];
      for (const candidate of ids.candidates) logits.push(await engine.score(prefix, candidate));
      prefix.release();
      ours[name] = logits;
    }
    const reference: Reference = await answer();
    scored.push({
      set,
      exact: reference.float,
      engines: { ...ours, onnxruntime: reference.int8 },
      answers: row.candidates.map((candidate) => candidate.answer),
      correct: row.candidates.map((candidate) => candidate.correct),
    });
  }
  const results = measures(scored);
  process.stdout.write(table(results));
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify(results, null, 1)}\n`);
  }
} finally {
  python.kill();
  await rm(scratch, { recursive: true });
}
