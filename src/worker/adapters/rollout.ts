/** An adapter's channels in one isolate: which of them ranks a request, and what is counted when it has ended. */
import type { Ranker } from "../../adapter/ranker.ts";
import { type Caller, mayUseAdapter } from "../access/caller.ts";
import type { Parts } from "../config/parts.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import type { WaitUntil } from "../http/waiting.ts";
import type { AdapterHost } from "./host.ts";
import type { PinnedVersions } from "./pinnedVersions.ts";
import type { FinishedAnswer, RankerSource, ServedBy } from "./source.ts";
import { type Canary, inShare, type RequestKey } from "./trial/canary.ts";
import { ChannelSource } from "./trial/channelSource.ts";
import type { Comparing } from "./trial/compare.ts";
import type { Guard } from "./trial/guard.ts";
import type { Tally } from "./trial/tally.ts";
import type { TrialChannel } from "./trial/trialChannel.ts";
import type { Versions } from "./versions.ts";

export interface RolloutParts {
  readonly stable: AdapterHost;
  readonly canary: Canary;
  readonly shadow: TrialChannel;
  readonly pinnedVersions: PinnedVersions;
  readonly guard: Guard;
  readonly tally: Tally;
  readonly comparing: Comparing;
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
    const { stable, canary, pinnedVersions } = this.parts;
    return pin === null ? new ChannelSource(stable, canary, key) : pinnedVersions.source(pin);
  }

  /** Looks at all pointers; ends when that has been done. */
  async refresh(waitUntil: WaitUntil): Promise<void> {
    const { stable, canary, shadow } = this.parts;
    const watches = [stable, canary.channel.watch, shadow.watch];
    await Promise.all(watches.map((watch) => watch.refresh(waitUntil)));
  }

  /** Counts a request that had scores to give and no choice to make. */
  scored({ servedBy, version }: Ended, failed: boolean, waitUntil: WaitUntil): void {
    if (servedBy === "pinned" || version === null) return;
    const counts = { requests: 1, failures: failed ? 1 : 0 };
    this.parts.tally.add(this.parts.canary.trial, servedBy, version, counts, waitUntil);
  }

  /** Counts an answer; where it is due, lets another adapter choose as well. */
  answered(ended: Ended, outcome: FinishedAnswer, waitUntil: WaitUntil): void {
    const { servedBy, version } = ended;
    if (servedBy === "pinned" || version === null) return;
    const failed = outcome.degraded !== null;
    const abstained = outcome.selection.abstained !== null;
    const counts = {
      requests: 1,
      failures: failed ? 1 : 0,
      answers: !failed && !abstained ? 1 : 0,
      abstentions: !failed && abstained ? 1 : 0,
    };
    this.parts.tally.add(this.parts.canary.trial, servedBy, version, counts, waitUntil);
    // A vote asks no adapter: all would choose the same.
    if (failed || outcome.strategy === "vote") return;
    if (servedBy === "canary") this.#compareCanary(ended, outcome, waitUntil);
    else this.#compareShadow(ended, outcome, waitUntil);
  }

  #compareCanary({ requestId }: Ended, outcome: FinishedAnswer, waitUntil: WaitUntil): void {
    const { stable, canary, comparing, tally } = this.parts;
    const { trial } = canary;
    const serving = canary.channel.ready();
    if (trial === null || serving === null) return;
    if (!isSampled(trial.version, requestId, trial.bounds.compareShare)) return;
    const second = () => Promise.resolve<Ranker | null>(stable.current()?.ranker ?? null);
    const work = comparing.run(serving, second, outcome).then((end) => {
      // That stable could not score is no fault of the canary.
      const compared = end === "same" || end === "other";
      const agreed = end === "same" ? 1 : 0;
      const counts = compared ? { compared: 1, agreed } : { dropped: 1 };
      tally.add(trial, "canary", trial.version, counts, waitUntil);
    });
    waitUntil(work);
  }

  #compareShadow({ requestId }: Ended, outcome: FinishedAnswer, waitUntil: WaitUntil): void {
    const { stable, canary, shadow, comparing, tally } = this.parts;
    waitUntil(shadow.watch.refresh(waitUntil));
    const { pointer } = shadow;
    const serving = stable.current()?.ranker ?? null;
    if (pointer === null || serving === null || pointer.version === stable.version) return;
    const { version, share } = pointer;
    if (shadow.refused || !isSampled(version, requestId, share)) return;
    const work = comparing
      .run(serving, () => shadow.load(), outcome)
      .then((end) => {
        const counts = {
          requests: end === "dropped" ? 0 : 1,
          failures: end === "failed" ? 1 : 0,
          compared: end === "same" || end === "other" ? 1 : 0,
          agreed: end === "same" ? 1 : 0,
          dropped: end === "dropped" ? 1 : 0,
        };
        tally.add(canary.trial, "shadow", version, counts, waitUntil);
      });
    waitUntil(work);
  }
}

/** Another draw than that for the traffic, or those compared would be the same few each time. */
function isSampled(version: string, requestId: string, share: number): boolean {
  return inShare(`${version} compared`, requestId, share);
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
