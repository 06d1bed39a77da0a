/**
 * A feature that can be taken out: its folder, its line in app.ts where it has routes, its lines in features.ts and
 * objects.ts, and its block in wrangler.toml. Members of bindings, parts, problems, scopes and log events are declared
 * in the feature's own files (`declare module`). A Worker that was deployed with its Durable Object needs a migration with
 * `deleted_classes` as well.
 */

import type { WaitUntil } from "../net/sharedWork.ts";
import type { Scope } from "./access/caller.ts";
import type { MakeTrialChannels } from "./adapters/trialChannels.ts";
import type { Bindings, Config, Parts, PartsResult } from "./config/parts.ts";
import type { EventPoints } from "./http/metrics.ts";
import type { DefinedProblem } from "./http/problemTable.ts";

/** A scope, and whether a caller on the own machine has it without a key. */
export interface FeatureScope {
  readonly name: Scope;
  readonly open: boolean;
}

export interface Feature {
  readonly scopes?: readonly FeatureScope[];
  readonly problems?: Readonly<Record<string, DefinedProblem>>;
  /** Routes whose bodies are read as they come in, with bounds of their own, in place of the general one. */
  readonly streamedBodies?: readonly string[];
  /** Makes canary and shadow. One feature at most brings them. */
  readonly trialChannels?: MakeTrialChannels;
  /** How its log events are counted. */
  readonly points?: Partial<EventPoints>;
  /** Its configuration, read once an isolate. Adds its faults: sentences that name the variable. */
  readonly config?: (env: Bindings, faults: string[]) => Partial<Config>;
  /** Its parts, made once an isolate. @param core the parts that need no feature */
  readonly parts?: (env: Bindings, core: Pick<Parts, "config" | "content">) => Partial<Parts>;
  /** Handles a delivery of its queues. Never rejects: a message that was not handled comes again. */
  readonly queue?: (
    batch: MessageBatch<unknown>,
    made: PartsResult,
    waitUntil: WaitUntil,
  ) => Promise<void>;
  /** Runs when the clock does (wrangler.toml's `crons`). @param now milliseconds since 1970 */
  readonly scheduled?: (env: Bindings, now: number) => Promise<void>;
}
