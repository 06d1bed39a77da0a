/** Wires the adapters of a deployment: R2, the rankers held within the heap budget, the channels, the log. */
import type { Bindings, Config } from "../config/parts.ts";
import type { Observe } from "../http/log.ts";
import type { EventPoints } from "../http/metrics.ts";
import { adapterNames } from "./config.ts";
import { EngineChoice, type EngineKind, remoteScorer } from "./engines.ts";
import { AdapterHost } from "./host.ts";
import { PinnedVersions } from "./pinnedVersions.ts";
import { Rollout } from "./rollout.ts";
import { type Holder, RankerShelf } from "./shelf.ts";
import type { AdapterFault } from "./source.ts";
import type { MakeTrialChannels } from "./trialChannels.ts";
import { listVersions, r2BundleStore, Versions } from "./versions.ts";

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

/**
 * Every adapter of the deployment, by name, the default one first. They share the heap budget equally.
 * @param engines in the order of preference
 * @param makeTrial makes canary and shadow; null: that feature is not built in
 */
export function makeRollouts(
  env: Bindings,
  config: Config,
  engines: readonly [EngineKind, ...EngineKind[]],
  observe: Observe,
  makeTrial: MakeTrialChannels | null,
): ReadonlyMap<string, Rollout> {
  const { adapterKeys: signedBy, pointerIntervalMs: intervalMs } = config;
  if (signedBy === null) observe({ event: "warning", warning: "adapters_unsigned" });
  const store = r2BundleStore(env.ADAPTERS);
  const names = adapterNames(config);
  const heapBytes = config.adapterHeapBytes / names.length;
  const logFor = (channel: Holder) => (fault: AdapterFault | null) =>
    observe({ event: "adapter", channel, fault: fault?.kind ?? null });

  const rollouts = names.map((adapter) => {
    const choice = new EngineChoice(engines, signedBy, (engine) => remoteScorer(engine, config));
    const load: EngineChoice["load"] = (files, expect) => choice.load(files, expect);
    const shelf = new RankerShelf({ store, adapter, load, heapBytes });
    const shared = { store, shelf, adapter, intervalMs, signedBy };
    const stable = new AdapterHost({ ...shared, onChange: logFor("stable") });
    const rollout = new Rollout({
      stable,
      trial: makeTrial?.(env, { ...shared, stable, observe }) ?? null,
      pinnedVersions: new PinnedVersions({ ...shared, onFault: logFor("pinned") }),
      versions: new Versions({
        ...shared,
        names: (most) => listVersions(env.ADAPTERS, adapter, most),
      }),
      engine: () => choice.running,
    });
    return [adapter, rollout] as const;
  });
  return new Map(rollouts);
}
