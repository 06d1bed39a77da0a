/**
 * Metrics for Workers Analytics Engine: one data point a request, a batch's line, a change of adapter, made from the
 * very record that is logged. Columns are listed in docs/operations.md; add at their ends only, their places are their
 * names.
 */
import { type LogRecord, writeLog } from "./log.ts";

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
