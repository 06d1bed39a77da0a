/** What stands before every route: the isolate's parts, made once, and who may call. */
import { createMiddleware } from "hono/factory";
import { readConfig } from "./env.ts";
import type { AppEnv, MakeParts, PartsResult } from "./parts.ts";
import { Problem } from "./problems.ts";

/** Makes the parts at the first request (only then is there an env) and hands them to all. */
export function setup(makeParts: MakeParts) {
  let made: PartsResult | null = null;
  return createMiddleware<AppEnv>(async (c, next) => {
    // Before the body limit replaces the request: the signal belongs to the one that came in.
    c.set("signal", c.req.raw.signal);
    if (made === null) {
      const read = readConfig(c.env);
      made = read.ok ? { ok: true, parts: makeParts(c.env, read.config) } : read;
    }
    c.set("setup", made);
    if (made.ok) c.set("parts", made.parts);
    await next();
  });
}

/** Refuses calls while the configuration has faults: `/readyz` names them. */
export function configured() {
  return createMiddleware<AppEnv>(async (c, next) => {
    if (!c.get("setup").ok) throw new Problem("misconfigured");
    await next();
  });
}
