/**
 * The part `swaps`: a hundred hot swaps of the adapter while requests come at a steady rate. The pointer is written
 * again when the version before is seen to serve.
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configPath, endStack, temporaryFolder } from "../scripts/lib/localStack.ts";
import { openBucket, putBundle, putPointer } from "../scripts/lib/seed.mjs";
import { type Fired, fireSteadily } from "./fire.ts";
import { FIRED_HEAD, firedRow } from "./firedRow.ts";
import { HeapCurve, type HeapPoint, sparkline } from "./heapCurve.ts";
import { startLoaded } from "./loadedWorker.ts";
import { say } from "./machine.ts";
import type { Setting } from "./setting.ts";
import { quantile } from "./spread.ts";
import { columns, n } from "./tables.ts";

export interface SwapFigures {
  readonly fired: Fired;
  /** From the pointer's writing until `/readyz` names the new version; those that never came are left out. */
  readonly swapMs: readonly number[];
  readonly pointers: number;
  readonly heap: readonly HeapPoint[];
  /** Highest sums of JavaScript and WebAssembly in the first and the last third, and of all. */
  readonly peaksMB: { readonly early: number; readonly late: number; readonly all: number };
}

const SWAPS = 100;
/** With both versions in memory; about half of what an isolate does here. */
const RATE = 1.5;
const LOOK_MS = 200;
/** A version that is not seen after so long has not been swapped in. */
const PATIENCE_MS = 15_000;
const HEAP_LOOK_MS = 2_000;

export async function measureSwaps(
  setting: Setting,
): Promise<{ figures: SwapFigures; text: string }> {
  const folder = temporaryFolder();
  try {
    const { worker, shots, persistTo } = await startLoaded(setting.bundle, folder);
    const { bucket, dispose } = await openBucket({ persistTo, configPath });
    const versions = await twoVersions(setting.bundle, folder, bucket);
    const heap = await HeapCurve.of(worker, HEAP_LOOK_MS);
    say(`${SWAPS} swaps of the adapter at ${RATE} requests a second ...`);
    let done = false;
    const firing = fireSteadily(worker.url, shots, RATE, Number.POSITIVE_INFINITY, () => done);
    const swapMs: number[] = [];
    for (let at = 1; at <= SWAPS; at += 1) {
      const version = versions[at % versions.length] ?? "";
      const writtenAt = performance.now();
      await putPointer(bucket, { adapter: "mini", version, channel: "stable" });
      if (await serves(worker.url, version)) swapMs.push(performance.now() - writtenAt);
      if (at % 10 === 0) say(`${at} pointers, ${swapMs.length} seen to serve`);
    }
    done = true;
    const fired = await firing;
    heap.stop();
    await dispose();
    const third = heap.seconds / 3;
    const peaksMB = {
      early: heap.peakMB(0, third),
      late: heap.peakMB(2 * third, heap.seconds),
      all: heap.peakMB(0, Number.POSITIVE_INFINITY),
    };
    const { points } = heap;
    const figures = { fired, swapMs, pointers: SWAPS, heap: points, peaksMB };
    return { figures, text: textOf(figures) };
  } finally {
    await endStack(folder);
  }
}

/** Waits until a version serves; false: it does not come. */
async function serves(url: string, version: string): Promise<boolean> {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    const { adapter } = (await (await fetch(`${url}/readyz`)).json()) as {
      adapter: { version: string } | null;
    };
    if (adapter?.version === version) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
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

function textOf({ fired, swapMs, pointers, heap, peaksMB }: SwapFigures): string {
  const sorted = [...swapMs].sort((a, b) => a - b);
  const at = (share: number) => n((quantile(sorted, share) ?? Number.NaN) / 1000);
  const sums = heap.map(({ jsMB, wasmMB }) => jsMB + wasmMB);
  return [
    `Swaps: ${swapMs.length} of ${pointers} pointers seen to serve, after ${at(0.5)} s in the middle, 90 % within ${at(0.9)} s`,
    columns([FIRED_HEAD, firedRow("swaps", fired)], 1),
    `heap, JavaScript and WebAssembly, MB: first third ${n(peaksMB.early)}, last third ${n(peaksMB.late)}, highest of all ${n(peaksMB.all)} (target 80)`,
    `  ${sparkline(sums)}`,
  ].join("\n");
}
