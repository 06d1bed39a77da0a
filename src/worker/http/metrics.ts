/**
 * What we measure of a request beside its log record: the data point for Workers Analytics Engine (made from that
 * record), the header `Server-Timing`, and spans. None of them has a field that could hold text.
 */
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../config/parts.ts";
import { type LogEvents, type LogFigures, type LogRecord, type Observe, writeLog } from "./log.ts";

/**
 * Makes the data point of an event; null: it is not counted. docs/operations.md lists the columns. A column is known by
 * its place, so add new ones at the end.
 */
export type EventPoints = {
  readonly [Event in keyof LogEvents]: (
    record: LogEvents[Event],
  ) => AnalyticsEngineDataPoint | null;
};

/** The points of the events that are declared in log.ts. */
export const requestPoints: Pick<EventPoints, "request" | "bug"> = {
  request: (record) => figuresPoint("request", record.route, record),
  bug: () => ({ indexes: ["bug"], blobs: ["bug", "", "", ""] }),
};

/** The point of whatever is answered with figures: a request, or a line of a batch. */
export function figuresPoint(
  event: keyof LogEvents,
  index: string,
  record: LogFigures & { readonly status: number; readonly ms: number; readonly problem?: string },
): AnalyticsEngineDataPoint {
  return {
    indexes: [index],
    blobs: [event, String(record.status), record.problem ?? "", record.adapter ?? ""],
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
      record.stages ?? 0,
      record.skipped ?? 0,
      record.costMicros ?? 0,
      record.spendPercent ?? 0,
    ],
  };
}

/** Logs what is observed, and counts it where there is a dataset. */
export function observeWith(
  dataset: AnalyticsEngineDataset | undefined,
  points: EventPoints,
): Observe {
  return (record) => {
    writeLog(record);
    const pointOf = points[record.event] as (record: LogRecord) => AnalyticsEngineDataPoint | null;
    const point = pointOf(record);
    if (point !== null) dataset?.writeDataPoint(point);
  };
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

/** No-op tracer. */
export const noSpans: StartSpan = () => ({ end: () => {} });

declare module "../config/parts.ts" {
  interface Bindings {
    readonly METRICS?: AnalyticsEngineDataset;
  }
  interface Parts {
    readonly startSpan: StartSpan;
  }
}
