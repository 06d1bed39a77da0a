/** What stands before every route: the isolate's parts, made once, and who may call. */
import { createMiddleware } from "hono/factory";
import { Problem } from "../errors/problems.ts";
import { type Bindings, readConfig } from "./env.ts";
import type { AppEnv, MakeParts, PartsResult } from "./parts.ts";

/** The isolate's parts. */
export type PartsOf = (env: Bindings) => PartsResult;

/** Makes the parts at the first call: only then is there an env. */
export function partsOnce(makeParts: MakeParts): PartsOf {
  let made: PartsResult | null = null;
  return (env) => {
    if (made === null) {
      const read = readConfig(env);
      made = read.ok ? { ok: true, parts: makeParts(env, read.config) } : read;
    }
    return made;
  };
}

/** Hands the parts to every request. */
export function setup(partsOf: PartsOf) {
  return createMiddleware<AppEnv>(async (c, next) => {
    // Before the body limit replaces the request: the signal belongs to the one that came in.
    c.set("signal", c.req.raw.signal);
    const made = partsOf(c.env);
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
