/**
 * * Metrics for Workers Analytics Engine: one data point a request, a batch's line, a change of adapter, made from the
 * very record that is logged. Columns are listed in docs/operations.md; add at their ends only, their places are their
 * names.
 *
 * `Server-Timing` (W3C) of what is answered whole: what a request waited for. A stream's times are in its last event.
 *
 * Spans of a request's own steps, beside those that the platform makes. They hold figures; no field could hold a text.
 */

import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../config/parts.ts";
import { type LogFigures, type LogRecord, writeLog } from "./log.ts";

/** What is observed is logged, and counted where there is a dataset. */
export type Observe = (record: LogRecord) => void;

export function observeWith(dataset: AnalyticsEngineDataset | undefined): Observe {
  return (record) => {
    writeLog(record);
    const point = pointOf(record);
    if (point !== null) dataset?.writeDataPoint(point);
  };
}

/** The data point of a record; null where none is counted. */
export function pointOf(record: LogRecord): AnalyticsEngineDataPoint | null {
  switch (record.event) {
    case "request":
    case "line":
      return {
        indexes: [record.event === "line" ? "line" : record.route],
        blobs: [record.event, String(record.status), record.problem ?? "", record.adapter ?? ""],
        doubles: [
          record.ms,
          record.llmMs ?? 0,
          record.afterLlmMs ?? 0,
          record.prefixMs ?? 0,
          record.scoringMs ?? 0,
          record.k ?? 0,
          record.candidates ?? 0,
          record.scored ?? 0,
          Object.values(record.failed ?? {}).reduce((sum, count) => sum + count, 0),
          Number(record.degraded ?? false),
          Number(record.abstained ?? false),
          record.promptTokens ?? 0,
          record.completionTokens ?? 0,
        ],
      };
    case "adapter":
      return {
        indexes: ["adapter"],
        blobs: [record.event, "", record.fault ?? "", record.channel],
      };
    case "canary_stopped":
      return { indexes: ["adapter"], blobs: [record.event, "", record.reason, "canary"] };
    case "store":
      return { indexes: ["store"], blobs: [record.event, "", record.store, ""] };
    case "warning":
      return null;
    case "bug":
      return { indexes: ["bug"], blobs: [record.event, "", "", ""] };
  }
}

/** Names on the wire. All but `score` and `after` are counted from the start, so they overlap. */
const METRICS = [
  ["llm", "llmMs", "until the LLM's last candidate"],
  ["prefix", "prefixMs", "until the question was encoded"],
  ["score", "scoringMs", "spent waiting for scores"],
  ["after", "afterLlmMs", "from the LLM's last byte to the answer"],
] as const satisfies readonly (readonly [string, keyof LogFigures, string])[];

export function serverTiming() {
  return createMiddleware<AppEnv>(async (c, next) => {
    await next();
    const figures = c.get("figures");
    const entries = METRICS.flatMap(([name, figure, description]) => {
      const ms = figures[figure];
      return ms === undefined ? [] : [`${name};dur=${ms};desc="${description}"`];
    });
    if (entries.length > 0) c.res.headers.set("server-timing", entries.join(", "));
  });
}

/** `generate`: the LLM writes. `prefix`: the question is encoded. `score`: a candidate is. `select`: one is chosen. */
export type SpanName = "generate" | "prefix" | "score" | "select";

export interface OpenSpan {
  end(figures?: Readonly<Record<string, number | boolean>>): void;
}

export type StartSpan = (name: SpanName) => OpenSpan;

/** Where nobody traces. */
export const noSpans: StartSpan = () => ({ end: () => {} });

/** The same values, in a span from the first look to the last value, or to whoever looks no further. */
export async function* spanned<Value>(
  name: SpanName,
  values: AsyncIterable<Value>,
  startSpan: StartSpan,
): AsyncGenerator<Value, void> {
  const span = startSpan(name);
  let count = 0;
  try {
    for await (const value of values) {
      count += 1;
      yield value;
    }
  } finally {
    span.end({ events: count });
  }
}
