/** The figures for people: ratios against the targets of the design, cold starts. */
import { type Mode, type Row, type Size, targetSize } from "./rows.ts";
import type { ColdStart } from "./subject.ts";
import { n } from "./tables.ts";

export interface WorkerFigures {
  readonly engine: string;
  readonly coldStarts: readonly ColdStart[];
  /** Megabytes with every place of admission taken. */
  readonly fullHouseMB: number | null;
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
