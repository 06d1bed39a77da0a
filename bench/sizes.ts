/** The part `sizes`: larger encoders in isolates of their own, beside onnxruntime-web with the shipped one. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { openBucket, putFile, seedAdapter } from "../scripts/lib/seed.mjs";
import { say } from "./machine.ts";
import { type Job, targetSize } from "./rows.ts";
import type { Setting } from "./setting.ts";
import { type Spread, spread } from "./spread.ts";
import type { ColdStart, Measured } from "./subject.ts";
import { columns, n } from "./tables.ts";
import { freshWorker, type Running } from "./workerd.ts";

/** As `bench/encoders.py` writes it. */
interface Encoder {
  readonly name: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly pairs: readonly { readonly prefix: number; readonly candidate: number }[];
  readonly logits: readonly number[];
}

export interface SizeRow {
  readonly encoder: string;
  /** Of the encoder and its head. */
  readonly parameters: number;
  readonly fileMB: number;
  /** WebAssembly memory: weights, work space, one prefix. */
  readonly heapMB: number;
  readonly startMs: number;
  readonly prefix: Spread;
  readonly candidate: Spread;
  /** Against float32 torch on the same (random) weights: standard deviation, and that of the logits. */
  readonly logitErrorSd: number;
  readonly logitSd: number;
}

const limits = { prefixTokens: 384, candidateTokens: 128 };
const warmUps = 1;

export async function measureSizes(setting: Setting): Promise<{ rows: SizeRow[]; text: string }> {
  const { root, persistTo, python, bundle } = setting;
  say("Making encoders of random weights (a minute or more) ...");
  const folder = join(persistTo, "sizes");
  await promisify(execFile)(python, [join(root, "bench", "encoders.py"), "sizes", folder]);
  const encoders: Encoder[] = JSON.parse(readFileSync(join(folder, "sizes.json"), "utf8"));
  const configPath = join(root, "bench", "wrangler.toml");
  const seeded = await seedAdapter({ bundleDir: bundle, persistTo, configPath, channel: "stable" });
  const { bucket, dispose } = await openBucket({ persistTo, configPath });
  for (const { name } of encoders) {
    await putFile(bucket, `sizes/${name}`, readFileSync(join(folder, `${name}.bin`)));
  }
  await dispose();
  const workers: Running[] = [];
  try {
    const starts: ColdStart[] = [];
    for (const { name } of encoders) {
      say(`Starting ${name} ...`);
      const worker = await freshWorker({ root, persistTo }, name);
      workers.push(worker);
      starts.push(
        (await worker.post("/start-file", { key: `sizes/${name}`, ...limits })) as ColdStart,
      );
    }
    const reference = await freshWorker({ root, persistTo }, "ort-web");
    workers.push(reference);
    const start = { engine: "ort-web", adapter: seeded.name, version: seeded.version };
    await reference.post("/start", { ...start, form: "prefix", size: targetSize });
    const times = await inTurns(workers, setting.repetitions);
    const rows: SizeRow[] = [];
    for (const [at, encoder] of encoders.entries()) {
      const body = { ...targetSize, pairs: encoder.pairs };
      const logits = (await workers[at]?.post("/logits", body)) as number[];
      rows.push(rowOf(encoder, starts[at], times[at], logits));
    }
    return { rows, text: textOf(rows, times.at(-1)) };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

interface Times {
  readonly prefix: Spread;
  readonly candidate: Spread;
}

async function inTurns(workers: readonly Running[], repetitions: number): Promise<Times[]> {
  const measured = workers.map(() => ({ prefix: [] as number[], candidate: [] as number[] }));
  for (let round = -warmUps; round < repetitions; round++) {
    say(round < 0 ? "Warming up ..." : `Round ${round + 1} of ${repetitions} ...`);
    for (const [at, worker] of workers.entries()) {
      for (const mode of ["prefix", "candidate"] as const) {
        const job: Job = { ...targetSize, mode };
        measured[at]?.[mode].push(((await worker.post("/job", job)) as Measured).ms);
      }
    }
  }
  return measured.map(({ prefix, candidate }) => ({
    prefix: spread(prefix.slice(warmUps)),
    candidate: spread(candidate.slice(warmUps)),
  }));
}

function rowOf(
  encoder: Encoder,
  start: ColdStart | undefined,
  times: Times | undefined,
  logits: readonly number[],
): SizeRow {
  if (start === undefined || times === undefined) throw new Error(`not measured: ${encoder.name}`);
  const errors = logits.map((logit, i) => logit - (encoder.logits[i] ?? Number.NaN));
  return {
    encoder: encoder.name,
    parameters: encoder.parameters,
    fileMB: encoder.bytes / 2 ** 20,
    heapMB: start.heapMB,
    startMs: start.readMs + start.sessionMs,
    ...times,
    logitErrorSd: deviation(errors),
    logitSd: deviation(encoder.logits),
  };
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

function textOf(rows: readonly SizeRow[], reference: Times | undefined): string {
  const head = ["encoder", "million", "file MB", "heap MB", "start ms", "prefix ms", "cand. ms"];
  const body = rows.map((row) => [
    row.encoder,
    (row.parameters / 1e6).toFixed(0),
    n(row.fileMB),
    n(row.heapMB),
    n(row.startMs),
    n(row.prefix.median),
    n(row.candidate.median),
    row.logitErrorSd.toFixed(4),
    row.logitSd.toFixed(4),
  ]);
  const lines = columns([[...head, "error sd", "logit sd"], ...body], 1);
  const { prefixTokens, candidateTokens } = targetSize;
  const title = `Encoders of random weights, prefix ${prefixTokens}, candidate ${candidateTokens}, in local workerd:`;
  if (reference === undefined) return `${title}\n${lines}`;
  const most = Math.max(...rows.map(({ parameters }) => parameters));
  const verdict = (good: boolean) => (good ? "ok  " : "MISS");
  const verdicts = rows
    .filter(({ parameters }) => parameters === most)
    .flatMap(({ encoder, candidate, heapMB }) => {
      const times = candidate.median / reference.candidate.median;
      return [
        `${verdict(times <= 2.5)} ${encoder}: candidate / ort-web's with the shipped adapter: ${times.toFixed(2)} (target at most 2.5)`,
        `${verdict(heapMB <= 90)} ${encoder}: heap MB ${n(heapMB)} (target at most 90)`,
      ];
    });
  return [
    title,
    lines,
    `     ort-web with the shipped adapter: candidate ${n(reference.candidate.median)} ms`,
    ...verdicts,
  ].join("\n");
}
