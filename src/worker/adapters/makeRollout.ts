/** Wires an adapter's channels: R2, the rankers held within the heap budget, the guard, the log. */
import type { PublicKeys } from "../../adapter/signature.ts";
import type { Bindings, Config } from "../config/parts.ts";
import type { Observe } from "../http/log.ts";
import type { EventPoints } from "../http/metrics.ts";
import { adapterNames } from "./config.ts";
import { EngineChoice, type EngineKind, remoteScorer } from "./engines.ts";
import { AdapterHost } from "./host.ts";
import { PinnedVersions } from "./pinnedVersions.ts";
import { Rollout } from "./rollout.ts";
import { type Holder, type LoadRanker, RankerShelf } from "./shelf.ts";
import type { AdapterFault } from "./source.ts";
import { Canary } from "./trial/canary.ts";
import { Comparing } from "./trial/compare.ts";
import { durableGuard, type Guard } from "./trial/guard.ts";
import { Tally } from "./trial/tally.ts";
import { TrialChannel } from "./trial/trialChannel.ts";
import { listVersions, r2BundleStore, Versions } from "./versions.ts";

export interface RolloutOptions {
  readonly bucket: R2Bucket;
  readonly guard: Guard;
  readonly adapter: string;
  readonly intervalMs: number;
  readonly signedBy: PublicKeys | null;
  /** Bytes that the rankers of an isolate may hold together. */
  readonly heapBytes: number;
  readonly load: LoadRanker;
  readonly observe: Observe;
  /** Name of the engine that runs the adapter. */
  readonly engine: () => string;
}

export function makeRollout(options: RolloutOptions): Rollout {
  const { bucket, guard, adapter, intervalMs, signedBy, heapBytes, load, observe } = options;
  const store = r2BundleStore(bucket);
  const shelf = new RankerShelf({ store, adapter, load, heapBytes });
  const shared = { store, shelf, adapter, intervalMs, signedBy };
  const logFor =
    (channel: "stable" | "canary" | "shadow" | "pinned") => (fault: AdapterFault | null) =>
      observe({ event: "adapter", channel, fault: fault?.kind ?? null });
  const canary = new Canary({
    ...shared,
    guard,
    onChange: logFor("canary"),
    onStop: ({ reason }) => observe({ event: "canary_stopped", reason }),
  });
  return new Rollout({
    engine: options.engine,
    stable: new AdapterHost({ ...shared, onChange: logFor("stable") }),
    canary,
    shadow: new TrialChannel({ ...shared, channel: "shadow", onChange: logFor("shadow") }),
    pinnedVersions: new PinnedVersions({ ...shared, onFault: logFor("pinned") }),
    guard,
    tally: new Tally(guard, (trial, verdict) => canary.heard(trial, verdict)),
    comparing: new Comparing(),
    versions: new Versions({
      ...shared,
      names: (most) => listVersions(bucket, adapter, most),
    }),
  });
}

/** The channels of every adapter of the deployment, by name, the default one first. */
export function makeRollouts(
  env: Bindings,
  config: Config,
  engines: readonly [EngineKind, ...EngineKind[]],
  observe: Observe,
): ReadonlyMap<string, Rollout> {
  const signedBy = config.adapterKeys;
  if (signedBy === null) observe({ event: "warning", warning: "adapters_unsigned" });
  const names = adapterNames(config);
  const rollouts = names.map((adapter) => {
    const choice = new EngineChoice(engines, signedBy, (engine) => remoteScorer(engine, config));
    const rollout = makeRollout({
      bucket: env.ADAPTERS,
      guard: durableGuard(env.GUARD, adapter),
      adapter,
      intervalMs: config.pointerIntervalMs,
      signedBy,
      heapBytes: config.adapterHeapBytes / names.length,
      observe,
      load: (files, expect) => choice.load(files, expect),
      engine: () => choice.running,
    });
    return [adapter, rollout] as const;
  });
  return new Map(rollouts);
}

declare module "../http/log.ts" {
  interface LogEvents {
    adapter: {
      readonly channel: Holder;
      /** Null: a version began to serve. */
      readonly fault: AdapterFault["kind"] | null;
    };
    /** Whatever lies in R2 is served: no public key is configured. */
    warning: { readonly warning: "adapters_unsigned" };
  }
}

/** How the events of adapters are counted. */
export const adapterPoints: Pick<EventPoints, "adapter" | "warning"> = {
  adapter: ({ fault, channel }) => ({
    indexes: ["adapter"],
    blobs: ["adapter", "", fault ?? "", channel],
  }),
  warning: () => null,
};
