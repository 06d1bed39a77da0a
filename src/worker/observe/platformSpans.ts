/** Spans by Cloudflare's tracing; nothing is recorded unless `observability.traces` is on (docs/operations.md). */
import { tracing } from "cloudflare:workers";
import type { StartSpan } from "./spans.ts";

export const platformSpans: StartSpan = (name) => {
  const span = tracing.startSpan(name);
  return {
    end: (figures = {}) => {
      span.setAttributes(figures);
      span.end();
    },
  };
};
