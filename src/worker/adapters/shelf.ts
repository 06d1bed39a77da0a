/**
 * The rankers that an isolate holds, by version, within its heap budget: that of `stable`, and others that fit beside it.
 * A version that two channels name is held once. `stable` is never evicted for another channel; for `stable` all others
 * are. Where there is no room even then, the old stable version is drained before the new one is loaded.
 */
import { heapEstimate } from "../../adapter/admission.ts";
import type { BundleFiles, BundleStore } from "../../adapter/bundle.ts";
import { type EngineFailureReason, endsEngine } from "../../adapter/engine.ts";
import { parseManifest } from "../../adapter/manifest.ts";
import type { Ranker } from "../../adapter/ranker.ts";
import { fail, ok, type Result } from "../../adapter/result.ts";
import { SingleFlight, type WaitUntil, waitAtMost } from "../../net/sharedWork.ts";
import type { BundleFault } from "./source.ts";

/** Reads, checks, starts and self-tests a bundle. */
export type LoadRanker = (
  files: BundleFiles,
  expect: { readonly adapter: string; readonly version: string },
) => Promise<Result<Ranker, BundleFault>>;

export type TakeFault = BundleFault | { readonly kind: "no_room" };

/** For whom a ranker is held. */
export type Holder = "stable" | "canary" | "shadow" | "pinned";

export interface RankerShelfOptions {
  readonly store: BundleStore;
  readonly adapter: string;
  readonly load: LoadRanker;
  /** Bytes that all rankers together may hold; a single one may hold more. */
  readonly heapBytes: number;
}

/** A version whose engine has failed is loaded for another holder no more often than this. */
const RELOAD_MS = 30_000;
/** Longer than a load takes, draining included. */
const DEAD_LOAD_MS = 60_000;
/** How long a holder other than `stable` waits for evicted rankers to end. */
const DRAIN_WAIT_MS = 200;

export class RankerShelf {
  readonly #options: RankerShelfOptions;
  readonly #held = new Map<string, HeldRanker>();
  /** Evicted, but with requests under way. */
  readonly #draining = new Set<HeldRanker>();
  /** One load at a time: each needs to know what heap is left. */
  readonly #loads = new SingleFlight(DEAD_LOAD_MS);
  /** Versions whose engine can compute no more, and when each was last loaded after that. */
  readonly #failed = new Map<string, { reason: EngineFailureReason; reloadedAt: number }>();

  constructor(options: RankerShelfOptions) {
    this.#options = options;
  }

  /** The ranker of a version that is held and takes questions, or null. */
  ready(version: string): Ranker | null {
    const held = this.#usable(version);
    if (held === undefined) return null;
    held.usedAt = Date.now();
    return held.ranker;
  }

  /** Why a version's engine should be restarted; null: there is no reason. */
  failure(version: string): EngineFailureReason | null {
    const held = this.#usable(version);
    return held === undefined ? (this.#failed.get(version)?.reason ?? null) : held.ranker.fault();
  }

  /** Bytes of all that is held, with every place for questions taken; what is draining included. */
  get heldBytes(): number {
    return this.#all.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Bytes of memory that all versions have taken by now; what is draining included. */
  get heapBytes(): number {
    return this.#all.reduce((sum, { ranker }) => sum + ranker.load().heapBytes, 0);
  }

  get #all(): HeldRanker[] {
    return [...this.#held.values(), ...this.#draining];
  }

  /**
   * Holds a version for somebody, loading it if need be. Rejects only when the store does.
   * @param waitUntil the request's: the load goes on when its client leaves
   */
  async take(
    version: string,
    holder: Holder,
    waitUntil: WaitUntil,
  ): Promise<Result<Ranker, TakeFault>> {
    for (;;) {
      const held = this.#usable(version);
      if (held !== undefined) {
        held.holders.add(holder);
        return ok(held.ranker);
      }
      const own = this.#loads.begin(() => this.#loadUnlessFailed(version, holder), waitUntil);
      if (own !== null) return own;
      await this.#loads.ended(DEAD_LOAD_MS);
    }
  }

  /**
   * Loads a version again whose engine failed: beside the old one where that can go on and there is room. Rejects only
   * when the store does.
   */
  async reload(
    version: string,
    holder: Holder,
    waitUntil: WaitUntil,
  ): Promise<Result<Ranker, TakeFault>> {
    for (;;) {
      const held = this.#usable(version);
      if (held !== undefined && held.ranker.fault() === null) {
        // Another holder has loaded it meanwhile.
        held.holders.add(holder);
        return ok(held.ranker);
      }
      const own = this.#loads.begin(() => this.#loadAgain(version, holder), waitUntil);
      if (own !== null) return own;
      await this.#loads.ended(DEAD_LOAD_MS);
    }
  }

  /** Holds a version no more for somebody; the last one to let go frees it. Ends when it is freed. */
  async drop(version: string, holder: Holder): Promise<void> {
    const held = this.#held.get(version);
    if (held === undefined) return;
    held.holders.delete(holder);
    if (held.holders.size === 0) await this.#retire(held);
  }

  /** What is held of a version; a ranker whose engine can compute no more is given up here. */
  #usable(version: string): HeldRanker | undefined {
    const held = this.#held.get(version);
    const reason = held?.ranker.fault() ?? null;
    if (held === undefined || reason === null || !endsEngine(reason)) return held;
    const { reloadedAt = Number.NEGATIVE_INFINITY } = this.#failed.get(version) ?? {};
    this.#failed.set(version, { reason, reloadedAt });
    void this.#retire(held);
    return undefined;
  }

  async #loadUnlessFailed(version: string, holder: Holder): Promise<Result<Ranker, TakeFault>> {
    const failed = this.#failed.get(version);
    if (failed !== undefined) {
      // The failure may come back: an isolate must not spend its time on loading.
      if (Date.now() - failed.reloadedAt < RELOAD_MS) {
        return fail({ kind: "engine_failed", reason: failed.reason });
      }
      failed.reloadedAt = Date.now();
    }
    return this.#load(version, holder);
  }

  async #loadAgain(version: string, holder: Holder): Promise<Result<Ranker, TakeFault>> {
    const old = this.#usable(version);
    const loaded = await this.#load(version, holder);
    if (!loaded.ok) return loaded;
    this.#failed.delete(version);
    const held = this.#held.get(version);
    for (const other of old?.holders ?? []) held?.holders.add(other);
    if (old !== undefined) void this.#retire(old);
    return loaded;
  }

  async #load(version: string, holder: Holder): Promise<Result<Ranker, TakeFault>> {
    const { store, adapter, load } = this.#options;
    const files = store.open(adapter, version);
    const bytes = await bytesOf(files);
    if (!(await this.#makeRoom(bytes, holder))) return fail({ kind: "no_room" });
    const loaded = await load(files, { adapter, version });
    if (!loaded.ok) return loaded;
    const ranker = loaded.value;
    // More than estimated where it runs on the engine that was not preferred.
    const most = Math.max(bytes, ranker.load().heapBytes);
    const holders = new Set([holder]);
    this.#held.set(version, { version, ranker, bytes: most, holders, usedAt: Date.now() });
    return loaded;
  }

  /**
   * Evicts others until there is room. False where even that would not do: then nobody is evicted. For a pinned version
   * also false, for now, while those evicted have requests under way: only stable waits for them here.
   */
  async #makeRoom(bytes: number, holder: Holder): Promise<boolean> {
    const { heapBytes } = this.#options;
    if (this.heldBytes + bytes > heapBytes) await this.#drain(holder);
    const evictable = evictableFor(holder, [...this.#held.values()]);
    const most = evictable.reduce((sum, held) => sum + held.bytes, 0);
    if (holder !== "stable" && this.heldBytes - most + bytes > heapBytes) return false;
    let free = heapBytes - this.heldBytes;
    for (const held of evictable) {
      if (free >= bytes) break;
      free += held.bytes;
      const gone = this.#retire(held);
      if (holder === "stable" || isIdle(held.ranker)) await gone;
    }
    return holder === "stable" || this.heldBytes + bytes <= heapBytes;
  }

  /** The request that evicted them may have ended: they are retired again, and only `stable` waits to the end. */
  async #drain(holder: Holder): Promise<void> {
    const drained = Promise.all([...this.#draining].map((held) => this.#retire(held)));
    await (holder === "stable" ? drained : waitAtMost(drained, DRAIN_WAIT_MS));
  }

  async #retire(held: HeldRanker): Promise<void> {
    if (this.#held.get(held.version) === held) this.#held.delete(held.version);
    this.#draining.add(held);
    await held.ranker.retire();
    this.#draining.delete(held);
  }
}

export interface HeldRanker {
  readonly version: string;
  readonly ranker: Ranker;
  /** Bytes that it holds with every place for questions taken. */
  readonly bytes: number;
  readonly holders: Set<Holder>;
  usedAt: number;
}

/** Whose rankers each holder may evict, in this order. */
const EVICTED_FOR: Readonly<Record<Holder, readonly Holder[]>> = {
  stable: ["pinned", "shadow", "canary", "stable"],
  canary: ["pinned", "shadow"],
  pinned: ["pinned", "shadow", "canary"],
  shadow: ["pinned"],
};
/** A version that callers pinned so lately is not evicted for a trial: the two would take turns in loading. */
const PINNED_MS = 30_000;

/** Those of `rankers` that `holder` may evict, the least needed first. */
export function evictableFor(holder: Holder, rankers: readonly HeldRanker[]): HeldRanker[] {
  const order = EVICTED_FOR[holder];
  const rank = ({ holders }: HeldRanker) =>
    Math.max(...[...holders].map((one) => order.indexOf(one)));
  return rankers
    .filter(({ holders }) => [...holders].every((one) => order.includes(one)))
    .filter((held) => holder === "stable" || holder === "pinned" || isUnused(held))
    .sort((a, b) => rank(a) - rank(b) || a.usedAt - b.usedAt);
}

/** No request is under way, and none that pins it is likely to come. */
function isUnused({ ranker, holders, usedAt }: HeldRanker): boolean {
  return isIdle(ranker) && !(holders.has("pinned") && Date.now() - usedAt < PINNED_MS);
}

function isIdle(ranker: Ranker): boolean {
  const { held, waiting } = ranker.load();
  return held + waiting === 0;
}

/** From a manifest that nobody has verified yet: one that states a wrong size is refused when it is loaded. */
async function bytesOf(files: BundleFiles): Promise<number> {
  const bytes = await files.read("manifest.json");
  const manifest = bytes === null ? null : parseManifest(bytes);
  return manifest?.ok ? heapEstimate(manifest.value) : 0;
}
