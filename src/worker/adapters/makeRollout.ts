/** Wires an adapter's channels: R2, the rankers held within the heap budget, the guard, the log. */
import type { PublicKeys } from "../../adapter/signature.ts";
import type { Observe } from "../http/metrics.ts";
import { AdapterHost } from "./host.ts";
import { PinnedVersions } from "./pinnedVersions.ts";
import { Rollout } from "./rollout.ts";
import { type LoadRanker, RankerShelf } from "./shelf.ts";
import type { AdapterFault } from "./source.ts";
import { Canary } from "./trial/canary.ts";
import { Comparing } from "./trial/compare.ts";
import type { Guard } from "./trial/guard.ts";
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
