/** Figures in columns. */
import type { Row } from "./rows.ts";

export const n = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

/** Columns as wide as they must be; the first `left` of them begin at the left. */
export function columns(rows: readonly (readonly string[])[], left: number): string {
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((cells) => (cells[i] ?? "").length)),
  );
  const pad = (cell: string, i: number) =>
    i < left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  return rows.map((cells) => cells.map(pad).join("  ").trimEnd()).join("\n");
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
  return columns([head, ...body], 2);
}

/** One line a size, one column an engine. */
export function sweepTable(rows: readonly Row[]): string {
  const engines = [...new Set(rows.map(({ engine }) => engine))];
  const key = (row: Row) => `${row.prefixTokens} ${row.candidateTokens} ${row.k}`;
  const body = [...new Set(rows.map(key))].map((size) => [
    ...size.split(" "),
    ...engines.map((engine) => {
      const row = rows.find((one) => one.engine === engine && key(one) === size);
      return row === undefined ? "" : n(row.ms.median);
    }),
  ]);
  const head = ["prefix", "cand.", "k", ...engines.map((engine) => `${engine} ms`)];
  return `How the cost of a ranking grows (ours shares the prefix, the others encode question and candidate k times):\n${columns([head, ...body], 0)}`;
}
