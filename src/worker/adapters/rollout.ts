/** An adapter in one isolate: where a request's ranker comes from, and what is told to its trial channels afterwards. */
import type { WaitUntil } from "../../net/sharedWork.ts";
import { type Caller, mayUseAdapter } from "../access/caller.ts";
import type { Parts } from "../config/parts.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import type { AdapterHost } from "./host.ts";
import type { PinnedVersions } from "./pinnedVersions.ts";
import type { RankerSource, ServedBy } from "./source.ts";
import type { FinishedAnswer, RankedRequest, RequestKey, TrialChannels } from "./trialChannels.ts";
import type { Versions } from "./versions.ts";

export interface RolloutParts {
  readonly stable: AdapterHost;
  /** Canary and shadow; null: that feature is not built in. */
  readonly trial: TrialChannels | null;
  readonly pinnedVersions: PinnedVersions;
  readonly versions: Versions;
  /** Name of the engine that runs the adapter, for `/readyz`. */
  readonly engine: () => string;
}

/** A request that has ended: whose it was, and who ranked it. */
export interface Ended {
  readonly requestId: string;
  readonly servedBy: ServedBy;
  /** Null: no ranker was there. */
  readonly version: string | null;
}

export class Rollout {
  readonly parts: RolloutParts;

  constructor(parts: RolloutParts) {
    this.parts = parts;
  }

  /** The adapter's name. */
  get name(): string {
    return this.parts.stable.name;
  }

  /** Where a request's ranker comes from. @param pin the version that it asks for, which `pinnedVersions` knows; or null */
  source(key: RequestKey, pin: string | null): RankerSource {
    const { stable, trial, pinnedVersions } = this.parts;
    if (pin !== null) return pinnedVersions.source(pin);
    return trial === null ? stable : trial.source(key);
  }

  /** Checks the pointers of all channels where that is due; ends when it is done. */
  async refresh(waitUntil: WaitUntil): Promise<void> {
    const { stable, trial } = this.parts;
    await Promise.all([stable.begin(waitUntil)(), trial?.refresh(waitUntil)]);
  }

  /** Counts a request that had scores to give and no choice to make. */
  scored(ended: Ended, failed: boolean, waitUntil: WaitUntil): void {
    const ranked = rankedByChannel(ended);
    if (ranked !== null) this.parts.trial?.scored(ranked, failed, waitUntil);
  }

  /** Counts an answer; where it is due, another adapter chooses as well. */
  answered(ended: Ended, outcome: FinishedAnswer, waitUntil: WaitUntil): void {
    const ranked = rankedByChannel(ended);
    if (ranked !== null) this.parts.trial?.answered(ranked, outcome, waitUntil);
  }
}

/** Null: there was no ranker, or the caller chose it. */
function rankedByChannel({ requestId, servedBy, version }: Ended): RankedRequest | null {
  return servedBy === "pinned" || version === null ? null : { requestId, servedBy, version };
}

/** As in pointers and manifests. */
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** An adapter, and the version of it that the caller wants, if any. */
export interface AdapterChoice {
  /** Name of the adapter that ranks. */
  readonly adapter: string;
  /** The adapter's version that the caller wants; null: whichever its channels choose. */
  readonly pin: string | null;
}

/**
 * The adapter that a caller names, as `name` or `name@version`, or the one that is usual here. Throws `Problem` for one
 * that is not configured, or not for this caller, or a version that is not kept: all the same.
 */
export async function readAdapter(
  adapter: string | null | undefined,
  field: string,
  { config, rollouts }: Pick<Parts, "config" | "rollouts">,
  caller: Caller,
  usual: string,
): Promise<AdapterChoice> {
  const [name = "", ...versions] = (adapter || usual).split("@");
  const rollout = rollouts.get(name);
  const mine = mayUseAdapter(caller, name, config.access.adapterTenants);
  if (rollout === undefined || !mine) throw fieldProblem("unknown_adapter", field);
  if (versions.length === 0) return { adapter: name, pin: null };
  const version = versions.join("@");
  // Without R2 nobody can tell: one that is loaded answers all the same.
  const known =
    VERSION.test(version) && (await rollout.parts.pinnedVersions.knows(version).catch(() => null));
  if (known === null) throw new Problem("adapter_unavailable");
  if (!known) throw fieldProblem("unknown_adapter", field);
  return { adapter: name, pin: version };
}

declare module "../config/parts.ts" {
  interface Parts {
    /** Each adapter's channels, and the versions that callers pin; by its name, the default one first. */
    readonly rollouts: ReadonlyMap<string, Rollout>;
  }
}
