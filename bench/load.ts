/**
 * The part `load`: the real Worker in one isolate of local workerd, a replay LLM at a hosted model's pace, requests at
 * steady rates. First rates that grow, then one that lasts, then far more than can be done. On the same machine run the load's own process and the LLM.
 */
import { endStack, temporaryFolder } from "../scripts/lib/localStack.ts";
import { type Fired, fireSteadily, saturate } from "./fire.ts";
import { FIRED_HEAD, firedRow } from "./firedRow.ts";
import { HeapCurve, type HeapPoint, sparkline } from "./heapCurve.ts";
import { JS_HEAP_MB, K, startLoaded } from "./loadedWorker.ts";
import { say } from "./machine.ts";
import type { Setting } from "./setting.ts";
import { columns, n } from "./tables.ts";

export interface LoadFigures {
  readonly rates: readonly Fired[];
  readonly sustained: Fired;
  /** More than can be done, at a steady rate; and as many connections as there are places and lines, twice. */
  readonly overload: Fired;
  readonly saturated: Fired;
  readonly heap: readonly HeapPoint[];
  /** Highest sums of JavaScript and WebAssembly: in the first and the last third of the sustained load, of all. */
  readonly peaksMB: { readonly early: number; readonly late: number; readonly all: number };
}

const RATES = [1, 2, 3, 4];
const RATE_SECONDS = 30;
/** About two thirds of what an isolate does here. */
const SUSTAINED_RATE = 2.5;
const OVERLOAD_RATE = 20;
const OVERLOAD_SECONDS = 30;
/** An isolate has 4 places and a line of 32. */
const CONNECTIONS = 72;
const HEAP_LOOK_MS = 5_000;

export async function measureLoad(
  setting: Setting,
): Promise<{ figures: LoadFigures; text: string }> {
  const folder = temporaryFolder();
  try {
    const { worker, shots } = await startLoaded(setting.bundle, folder);
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

    heap.stop();
    const all = heap.peakMB(0, Number.POSITIVE_INFINITY);
    const peaksMB = { early, late, all };
    const { points } = heap;
    const figures = { rates, sustained, overload, saturated, heap: points, peaksMB };
    return { figures, text: textOf(figures) };
  } finally {
    await endStack(folder);
  }
}

function textOf(figures: LoadFigures): string {
  const { rates, sustained, overload, saturated, heap, peaksMB } = figures;
  const rows = [
    ...rates.map((one) => firedRow("growing", one)),
    firedRow("sustained", sustained),
    firedRow("overload", overload),
    firedRow(`${CONNECTIONS} connections`, saturated),
  ];
  const sums = heap.map(({ jsMB, wasmMB }) => jsMB + wasmMB);
  return [
    `Load: one isolate (V8's heap limited to ${JS_HEAP_MB} MB), K = ${K}, a replay LLM at a hosted model's pace`,
    columns([FIRED_HEAD, ...rows], 1),
    `heap, JavaScript and WebAssembly, MB: first third of the sustained load ${n(peaksMB.early)}, last third ${n(peaksMB.late)}, highest of all ${n(peaksMB.all)} (target 80)`,
    `  ${sparkline(sums)} ${n(Math.min(...sums))} to ${n(Math.max(...sums))} over ${n((heap.at(-1)?.at ?? 0) / 60)} minutes`,
  ].join("\n");
}
