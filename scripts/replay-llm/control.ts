/** /__replay: tests plan faults here and read what the server saw. */
import { Hono } from "hono";
import { z } from "zod";
import { errorBody } from "./completion.ts";
import { FAILURES, type FailureMode, type FailurePlan } from "./failures.ts";
import type { Stats } from "./stats.ts";

const failSchema = z.strictObject({
  mode: z.enum(Object.keys(FAILURES) as [FailureMode, ...FailureMode[]]).nullable(),
  times: z.int().min(1).optional(),
  retryAfterSeconds: z.number().min(0).optional(),
});

/**
 * - `POST /fail {mode, times?, retryAfterSeconds?}`: the next `times` requests (all, without it) meet
 *   this fault; mode null ends it.
 * - `POST /reset`: no fault planned, counts and candidate counters at their start.
 * - `GET /stats`: counts. `GET /failures`: the modes and what they do.
 */
export function controlRoutes(plan: FailurePlan, stats: () => Stats, reset: () => void): Hono {
  const app = new Hono();
  app.post("/fail", async (c) => {
    const parsed = failSchema.safeParse(await c.req.json().catch(() => null));
    if (!parsed.success) {
      return c.json(errorBody("No such fault", "invalid_request_error", null, "mode"), 400);
    }
    const { mode, times, retryAfterSeconds } = parsed.data;
    plan.set(mode, times, retryAfterSeconds);
    return c.json({ mode, times: times ?? null });
  });
  app.post("/reset", (c) => {
    reset();
    return c.json({ reset: true });
  });
  app.get("/stats", (c) => c.json({ ...stats() }));
  app.get("/failures", (c) => c.json(FAILURES));
  app.all("/redirected", (c) => {
    stats().redirectsFollowed += 1;
    return c.json(errorBody("A client followed a redirect", "server_error", null), 500);
  });
  return app;
}
