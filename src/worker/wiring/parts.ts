/** What the routes are built from, made once an isolate, and what a request carries with it. */
import type { Generator } from "../../llm/generator.ts";
import type { Caller } from "../auth/caller.ts";
import type { Doors } from "../auth/identify.ts";
import type { KeyStore } from "../auth/keyStore.ts";
import type { BatchBook } from "../batches/batch.ts";
import type { ProblemKind } from "../errors/problems.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Meter } from "../ledger/meter.ts";
import type { LogFigures } from "../observe/log.ts";
import type { Observe } from "../observe/metrics.ts";
import type { RequestId } from "../observe/requestId.ts";
import type { StartSpan } from "../observe/spans.ts";
import type { Rollout } from "../rollout/rollout.ts";
import type { Bindings, Config } from "./env.ts";

export interface Parts {
  readonly config: Config;
  readonly generator: Generator;
  /** Each adapter's channels, and the versions that callers pin; by its name, the default one first. */
  readonly rollouts: ReadonlyMap<string, Rollout>;
  /** The ways in. */
  readonly doors: Doors;
  readonly keyStore: KeyStore | null;
  readonly ledgerOf: (tenant: string) => Ledger;
  /** Batches of a tenant; null: there are none here. */
  readonly batchesOf: ((tenant: string) => BatchBook) | null;
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
