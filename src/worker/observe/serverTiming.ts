/** `Server-Timing` (W3C) of what is answered whole: what a request waited for. A stream's times are in its last event. */
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../wiring/parts.ts";
import type { LogFigures } from "./log.ts";

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
