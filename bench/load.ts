/**
 * The part `load`: the real Worker in one isolate of local workerd, a replay LLM at a hosted model's pace, requests at
 * steady rates. First rates that grow, then one that lasts, then far more than can be done, then a hundred swaps of the
 * adapter under way. On the same machine run the load's own process and the LLM.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  configPath,
  endStack,
  startReplay,
  startWorker,
  temporaryFolder,
} from "../scripts/lib/localStack.ts";
import { openBucket, putBundle, putPointer, seedAdapter } from "../scripts/lib/seed.mjs";
import { type Fired, fireSteadily, type Shot, saturate } from "./fire.ts";
import { HeapCurve, type HeapPoint, sparkline } from "./heapCurve.ts";
import { say } from "./machine.ts";
import type { Setting } from "./setting.ts";
import { columns, n } from "./tables.ts";

export interface LoadFigures {
  readonly rates: readonly Fired[];
  readonly sustained: Fired;
  /** More than can be done, at a steady rate; and as many connections as there are places and lines, twice. */
  readonly overload: Fired;
  readonly saturated: Fired;
  readonly swapped: Fired;
  /** Versions that answered while they were swapped, changes of them that were seen. */
  readonly swaps: number;
  readonly heap: readonly HeapPoint[];
  /** Highest sums of JavaScript and WebAssembly: in the first and the last third of the sustained load, of all. */
  readonly peaksMB: { readonly early: number; readonly late: number; readonly all: number };
}

const K = 4;
const RATES = [1, 2, 3, 4];
const RATE_SECONDS = 30;
/** About two thirds of what an isolate does here. */
const SUSTAINED_RATE = 2.5;
const OVERLOAD_RATE = 20;
const OVERLOAD_SECONDS = 30;
/** An isolate has 4 places and a line of 32. */
const CONNECTIONS = 72;
const SWAPS = 100;
const SWAP_MS = 2_500;
/** V8's limit, so that it collects as in an isolate of Cloudflare's, where WebAssembly and this must fit 128 MB. */
const JS_HEAP_MB = 48;
const HEAP_LOOK_MS = 5_000;

export async function measureLoad(
  setting: Setting,
): Promise<{ figures: LoadFigures; text: string }> {
  const folder = temporaryFolder();
  try {
    const persistTo = join(folder, "state");
    await seedAdapter({ bundleDir: setting.bundle, persistTo, configPath, channel: "stable" });
    const { bucket, dispose } = await openBucket({ persistTo, configPath });
    const versions = await twoVersions(setting.bundle, folder, bucket);
    const replay = await startReplay(folder, undefined, "real");
    const vars = { LLM_BASE_URL: replay.url, LLM_MODEL: "replay", POINTER_INTERVAL_SECONDS: "1" };
    const worker = await startWorker(folder, vars, JS_HEAP_MB);
    const shots = recordedShots();
    await fireSteadily(worker.url, shots, 1, 10); // warm
    const heap = await HeapCurve.of(worker, HEAP_LOOK_MS);

    const rates: Fired[] = [];
    for (const rate of RATES) {
      say(`${rate} requests a second for ${RATE_SECONDS} s ...`);
      rates.push(await fireSteadily(worker.url, shots, rate, RATE_SECONDS));
    }
    say(`${SUSTAINED_RATE} requests a second for ${setting.minutes} minutes ...`);
    const from = heap.seconds;
    const sustained = await fireSteadily(worker.url, shots, SUSTAINED_RATE, setting.minutes * 60);
    const third = (heap.seconds - from) / 3;
    const early = heap.peakMB(from, from + third);
    const late = heap.peakMB(from + 2 * third, from + 3 * third);

    say(`${OVERLOAD_RATE} requests a second for ${OVERLOAD_SECONDS} s ...`);
    const overload = await fireSteadily(worker.url, shots, OVERLOAD_RATE, OVERLOAD_SECONDS);
    say(`${CONNECTIONS} connections for ${OVERLOAD_SECONDS} s ...`);
    const saturated = await saturate(worker.url, shots, CONNECTIONS, OVERLOAD_SECONDS);

    say(`${SWAPS} swaps of the adapter under load ...`);
    let done = false;
    const firing = fireSteadily(worker.url, shots, 1.5, (SWAPS * SWAP_MS) / 1000).finally(() => {
      done = true;
    });
    const swaps = await swap(worker.url, versions, bucket, () => done);
    const swapped = await firing;
    heap.stop();
    await dispose();
    const all = heap.peakMB(0, Number.POSITIVE_INFINITY);
    const peaksMB = { early, late, all };
    const { points } = heap;
    const figures = {
      rates,
      sustained,
      overload,
      saturated,
      swapped,
      swaps,
      heap: points,
      peaksMB,
    };
    return { figures, text: textOf(figures) };
  } finally {
    await endStack(folder);
  }
}

type Bucket = Awaited<ReturnType<typeof openBucket>>["bucket"];

/** The bundle as it is, and the same under another version. */
async function twoVersions(bundle: string, folder: string, bucket: Bucket): Promise<string[]> {
  const copy = join(folder, "second");
  cpSync(bundle, copy, { recursive: true });
  const file = join(copy, "manifest.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  writeFileSync(file, JSON.stringify({ ...manifest, version: `${manifest.version}-again` }));
  await putBundle(bucket, copy);
  return [manifest.version, `${manifest.version}-again`];
}

function recordedShots(): Shot[] {
  const folder = join(import.meta.dirname, "..", "examples", "recorded");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const { question, options, context, task, candidates } = JSON.parse(line);
      const texts = candidates.map(({ text }: { text: string }) => text);
      return {
        body: JSON.stringify({ question, options, context, task, k: K }),
        texts: new Set<string>(texts),
      };
    });
}

/** Points `stable` at each version in turn; how often another one was seen to serve. */
async function swap(
  url: string,
  versions: readonly string[],
  bucket: Bucket,
  done: () => boolean,
): Promise<number> {
  let seen = 0;
  let serving: string | null = null;
  for (let at = 1; at <= SWAPS && !done(); at += 1) {
    const version = versions[at % versions.length] ?? "";
    await putPointer(bucket, { adapter: "mini", version, channel: "stable" });
    await new Promise((resolve) => setTimeout(resolve, SWAP_MS));
    const { adapter } = (await (await fetch(`${url}/readyz`)).json()) as {
      adapter: { version: string } | null;
    };
    if (adapter !== null && adapter.version !== serving) {
      serving = adapter.version;
      seen += 1;
    }
  }
  return seen;
}

function textOf(figures: LoadFigures): string {
  const { rates, sustained, overload, saturated, swapped, swaps, heap, peaksMB } = figures;
  const rows = [
    ...rates.map((one) => rowOf("growing", one)),
    rowOf("sustained", sustained),
    rowOf("overload", overload),
    rowOf(`${CONNECTIONS} connections`, saturated),
    rowOf("swaps", swapped),
  ];
  const sums = heap.map(({ jsMB, wasmMB }) => jsMB + wasmMB);
  return [
    `Load: one isolate (V8's heap limited to ${JS_HEAP_MB} MB), K = ${K}, a replay LLM at a hosted model's pace`,
    columns([HEAD, ...rows], 1),
    `${swaps} swaps were seen to serve`,
    `heap, JavaScript and WebAssembly, MB: first third of the sustained load ${n(peaksMB.early)}, last third ${n(peaksMB.late)}, highest of all ${n(peaksMB.all)} (target 80)`,
    `  ${sparkline(sums)} ${n(Math.min(...sums))} to ${n(Math.max(...sums))} over ${n((heap.at(-1)?.at ?? 0) / 60)} minutes`,
  ].join("\n");
}

const HEAD = [
  ...["load", "offered/s", "answered/s", "200", "503", "failed", "mixed up", "degraded"],
  ...["p50 ms", "p90", "p99", "503 ms, p50"],
];

function rowOf(name: string, one: Fired): string[] {
  const at = (values: readonly number[], share: number) => {
    const value = values[Math.min(values.length - 1, Math.floor(values.length * share))];
    return value === undefined ? "" : value.toFixed(0);
  };
  return [
    name,
    one.offered === null ? "" : n(one.offered),
    n(one.ok / one.seconds),
    ...[one.ok, one.sentBack, one.failed, one.mixedUp, one.degraded].map(String),
    ...[0.5, 0.9, 0.99].map((share) => at(one.okMs, share)),
    at(one.sentBackMs, 0.5),
  ];
}
