/**
 * What the routes are built from, made once an isolate, and what a request carries with it.
 *
 * What stands before every route: the isolate's parts, made once, and who may call.
 */

import { createMiddleware } from "hono/factory";
import type { Generator } from "../../llm/generator.ts";
import type { Caller } from "../access/caller.ts";
import type { Credentials } from "../access/identify.ts";
import type { KeyStore } from "../access/keyStore.ts";
import type { Rollout } from "../adapters/rollout.ts";
import type { TenantBatches } from "../batches/batch.ts";
import type { LogFigures, RequestId } from "../http/log.ts";
import type { Observe, StartSpan } from "../http/metrics.ts";
import { Problem, type ProblemKind } from "../http/problems.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Meter } from "../ledger/meter.ts";
import { type Bindings, type Config, readConfig } from "./env.ts";

export interface Parts {
  readonly config: Config;
  readonly generator: Generator;
  /** Each adapter's channels, and the versions that callers pin; by its name, the default one first. */
  readonly rollouts: ReadonlyMap<string, Rollout>;
  /** The ways in. */
  readonly credentials: Credentials;
  readonly keyStore: KeyStore | null;
  readonly ledgerOf: (tenant: string) => Ledger;
  /** Batches of a tenant; null: there are none here. */
  readonly batchesOf: ((tenant: string) => TenantBatches) | null;
  /** Where content that callers asked to be kept lies, and the secret that encrypts it; null: nothing can be kept. */
  readonly content: { readonly bucket: R2Bucket; readonly secret: string } | null;
  /** Logs and counts what happens. */
  readonly observe: Observe;
  readonly startSpan: StartSpan;
}

/** Makes the parts from a checked configuration. */
export type MakeParts = (env: Bindings, config: Config) => Parts;

/** The parts, or the configuration's faults. */
export type PartsResult =
  | { readonly ok: true; readonly parts: Parts }
  | { readonly ok: false; readonly faults: readonly string[] };

export interface AppEnv {
  Bindings: Bindings;
  Variables: {
    requestId: RequestId;
    figures: LogFigures;
    /** Fires when the client leaves. */
    signal: AbortSignal;
    parts: Parts;
    /** Who calls: there after `authenticate`. */
    caller: Caller;
    /** There on routes that cost. */
    meter: Meter;
    setup: PartsResult;
    /** Set where the question tells of an emergency: stands first in whatever is answered. */
    urgentText: string | null | undefined;
    /** Set by a stream: resolves at its end, with the problem that ended it. */
    streamed: Promise<ProblemKind | null> | undefined;
  };
}

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
