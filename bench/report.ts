/** The figures for people: a table, ratios against the targets of the design, cold starts. */
import { type Mode, type Row, type Size, targetSize } from "./rows.ts";
import type { ColdStart } from "./worker/index.ts";

export interface WorkerFigures {
  readonly engine: string;
  readonly coldStarts: readonly ColdStart[];
  /** Megabytes with every place of admission taken. */
  readonly fullHouseMB: number | null;
}

const n = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

/** Median and range of at least one value. */
export function spread(values: readonly number[]): Row["ms"] {
  const sorted = [...values].sort((x, y) => x - y);
  const at = (i: number): number => sorted[i] ?? Number.NaN;
  const half = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

export function table(rows: readonly Row[]): string {
  const head = ["engine", "mode", "prefix", "cand.", "k", "median ms", "min", "max", "heap MB"];
  const body = rows.map((row) => [
    row.engine,
    row.mode,
    String(row.prefixTokens),
    String(row.candidateTokens),
    String(row.k),
    n(row.ms.median),
    n(row.ms.min),
    n(row.ms.max),
    n(row.heapMB),
  ]);
  const widths = head.map((title, i) =>
    Math.max(title.length, ...body.map((cells) => (cells[i] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ");
  return [line(head), ...body.map(line)].join("\n");
}

/** Each ratio against its target, and what is held in memory. */
export function targets(rows: readonly Row[], figures: readonly WorkerFigures[]): string {
  const lines: string[] = [];
  const say = (name: string, value: number, good: boolean, wanted: string) =>
    lines.push(`${good ? "ok  " : "MISS"} ${name}: ${n(value)} (target ${wanted})`);
  const { prefixTokens, candidateTokens, k } = targetSize;
  for (const { engine, coldStarts, fullHouseMB } of figures) {
    const ms = (mode: Mode, size: Size = targetSize) => find(rows, engine, mode, size).ms.median;
    const whole = ms("cross-ranking") / ms("ranking");
    const each = ms("cross") / ms("candidate");
    const what = `${engine}, ${prefixTokens} + ${k} x ${candidateTokens}`;
    say(`${what}: cross-ranking / ranking`, whole, whole >= 2.2, "at least 2.2");
    say(`${what}: cross / candidate`, each, each >= 3, "at least 3");
    const heap = find(rows, engine, "ranking", targetSize).heapMB;
    say(`${engine}: heap MB, one request`, heap, heap <= 50, "at most 50");
    if (fullHouseMB !== null) {
      const name = `${engine}: heap MB, every admission place taken`;
      say(name, fullHouseMB, fullHouseMB <= 80, "at most 80");
    }
    lines.push(...coldStarts.map((start) => coldStartLine(engine, start)));
  }
  return lines.join("\n");
}

/** How many times slower than native, at the target size. */
export function againstNative(rows: readonly Row[], engines: readonly string[]): string {
  return engines
    .flatMap((engine) =>
      (["prefix", "candidate", "cross", "ranking"] as const).map((mode) => {
        const web = find(rows, engine, mode, targetSize).ms.median;
        const native = find(rows, "ort-native", mode, targetSize).ms.median;
        return `     ${engine} / ort-native, ${mode}: ${n(web / native)} (${n(web)} / ${n(native)} ms)`;
      }),
    )
    .join("\n");
}

function coldStartLine(engine: string, start: ColdStart): string {
  const total = start.readMs + start.sessionMs + start.firstScoreMs;
  return `     ${engine}: cold start ${n(total)} ms: from R2 with SHA-256 ${n(start.readMs)}, session ${n(start.sessionMs)}, first prefix and score ${n(start.firstScoreMs)}; heap ${n(start.heapMB)} MB`;
}

function find(rows: readonly Row[], engine: string, mode: Mode, size: Size): Row {
  const row = rows.find(
    (candidate) =>
      candidate.engine === engine &&
      candidate.mode === mode &&
      candidate.prefixTokens === size.prefixTokens &&
      candidate.candidateTokens === size.candidateTokens,
  );
  if (row === undefined) throw new Error(`not measured: ${engine} ${mode}`);
  return row;
}
