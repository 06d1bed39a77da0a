/**
 * * The rankers that an isolate holds, by version, within its heap budget: `stable` and whoever else fits beside it. What
 * two channels name is held once. `stable` is never moved aside for another; for `stable` all others are, and where
 * there is no room even then, the old version is drained before the new one is loaded.
 *
 * The places of an isolate's rankers: for whom each is held, and who may be moved aside for whom.
 */

import { heapEstimate } from "../../adapter/admission.ts";
import type { BundleFiles, BundleStore } from "../../adapter/bundle.ts";
import { type EngineFailureReason, endsEngine } from "../../adapter/engine.ts";
import { parseManifest } from "../../adapter/manifest.ts";
import type { Ranker } from "../../adapter/ranker.ts";
import { fail, ok, type Result } from "../../adapter/result.ts";
import { pause } from "../../net/sharedWork.ts";
import type { BundleFault } from "./source.ts";

/** Reads, checks, starts and self-tests a bundle. */
export type LoadRanker = (
  files: BundleFiles,
  expect: { readonly adapter: string; readonly version: string },
) => Promise<Result<Ranker, BundleFault>>;

export type TakeFault = BundleFault | { readonly kind: "no_room" };

export interface RankerShelfOptions {
  readonly store: BundleStore;
  readonly adapter: string;
  readonly load: LoadRanker;
  /** Bytes that all rankers together may hold; a single one may hold more. */
  readonly heapBytes: number;
}

/** Between two times that a version is loaded whose engine fails. */
const RENEW_MS = 30_000;
/** Loading is done one at a time; a load whose request was killed holds the others up no longer than this. */
const STALE_LOAD_MS = 60_000;
const LOOK_MS = 10;
const LEAVE_WAIT_MS = 200;

export class RankerShelf {
  readonly #options: RankerShelfOptions;
  readonly #places = new Map<string, Place>();
  /** Moved aside, but with requests under way. */
  readonly #leaving = new Set<Place>();
  #loadingSince: number | null = null;
  /** Versions whose engine can compute no more, and when each was last loaded after that. */
  readonly #fallen = new Map<string, { reason: EngineFailureReason; renewedAt: number }>();

  constructor(options: RankerShelfOptions) {
    this.#options = options;
  }

  /** The ranker of a version that is held and takes questions, or null. */
  ready(version: string): Ranker | null {
    const place = this.#alive(version);
    if (place === undefined) return null;
    place.usedAt = Date.now();
    return place.ranker;
  }

  /** Why a version's engine should be started afresh; null: there is no reason. */
  failure(version: string): EngineFailureReason | null {
    const place = this.#alive(version);
    return place === undefined ? (this.#fallen.get(version)?.reason ?? null) : place.ranker.fault();
  }

  /** Loads a version again whose engine failed: beside the old one where that can go on and there is room. */
  async renew(version: string, holder: Holder): Promise<Result<Ranker, TakeFault>> {
    const old = this.#alive(version);
    const since = Date.now();
    this.#loadingSince = since;
    try {
      const taken = await this.#load(version, holder);
      if (!taken.ok) return taken;
      this.#fallen.delete(version);
      const place = this.#places.get(version);
      for (const other of old?.holders ?? []) place?.holders.add(other);
      if (old !== undefined) void this.#retire(old);
      return taken;
    } finally {
      if (this.#loadingSince === since) this.#loadingSince = null;
    }
  }

  /** Bytes of all that is held, with every place taken; what is leaving included. */
  get heldBytes(): number {
    return [...this.#places.values(), ...this.#leaving].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Bytes of memory that all versions have taken by now; what is leaving included. */
  get heapBytes(): number {
    const all = [...this.#places.values(), ...this.#leaving];
    return all.reduce((sum, { ranker }) => sum + ranker.load().heapBytes, 0);
  }

  /** Holds a version for somebody, loading it if need be. Rejects only when the store does. */
  async take(version: string, holder: Holder): Promise<Result<Ranker, TakeFault>> {
    while (this.#alive(version) === undefined && this.#loading()) await pause(LOOK_MS);
    const held = this.#alive(version);
    if (held !== undefined) {
      held.holders.add(holder);
      return ok(held.ranker);
    }
    const fallen = this.#fallen.get(version);
    if (fallen !== undefined) {
      // What brought it down may come back: an isolate is not to be kept loading.
      if (Date.now() - fallen.renewedAt < RENEW_MS) {
        return fail({ kind: "engine_failed", reason: fallen.reason });
      }
      fallen.renewedAt = Date.now();
    }
    const since = Date.now();
    this.#loadingSince = since;
    try {
      return await this.#load(version, holder);
    } finally {
      if (this.#loadingSince === since) this.#loadingSince = null;
    }
  }

  /** Holds a version no more for somebody; the last one to let go frees it. Ends when it is freed. */
  async drop(version: string, holder: Holder): Promise<void> {
    const place = this.#places.get(version);
    if (place === undefined) return;
    place.holders.delete(holder);
    if (place.holders.size === 0) await this.#retire(place);
  }

  /** The place of a version; one whose engine can compute no more is given up here. */
  #alive(version: string): Place | undefined {
    const place = this.#places.get(version);
    const reason = place?.ranker.fault() ?? null;
    if (place === undefined || reason === null || !endsEngine(reason)) return place;
    const { renewedAt = Number.NEGATIVE_INFINITY } = this.#fallen.get(version) ?? {};
    this.#fallen.set(version, { reason, renewedAt });
    void this.#retire(place);
    return undefined;
  }

  #loading(): boolean {
    return this.#loadingSince !== null && Date.now() - this.#loadingSince < STALE_LOAD_MS;
  }

  async #load(version: string, holder: Holder): Promise<Result<Ranker, TakeFault>> {
    const { store, adapter, load } = this.#options;
    const files = store.open(adapter, version);
    const bytes = await bytesOf(files);
    if (!(await this.#makeRoom(bytes, holder))) return fail({ kind: "no_room" });
    const loaded = await load(files, { adapter, version });
    if (!loaded.ok) return loaded;
    const ranker = loaded.value;
    // More than was thought where it runs on the engine that was not preferred.
    const held = Math.max(bytes, ranker.load().heapBytes);
    const holders = new Set([holder]);
    this.#places.set(version, { version, ranker, bytes: held, holders, usedAt: Date.now() });
    return loaded;
  }

  /**
   * Moves others aside until there is room; false where that would not do, and nobody is moved. For a pinned version also
   * false, for now, while those moved aside still have requests under way: only stable waits for them here.
   */
  async #makeRoom(bytes: number, holder: Holder): Promise<boolean> {
    const { heapBytes } = this.#options;
    if (this.heldBytes + bytes > heapBytes) await this.#letLeave(holder);
    const movable = movableFor(holder, [...this.#places.values()]);
    const most = movable.reduce((sum, place) => sum + place.bytes, 0);
    if (holder !== "stable" && this.heldBytes - most + bytes > heapBytes) return false;
    let free = heapBytes - this.heldBytes;
    for (const place of movable) {
      if (free >= bytes) break;
      free += place.bytes;
      const gone = this.#retire(place);
      if (holder === "stable" || isIdle(place.ranker)) await gone;
    }
    return holder === "stable" || this.heldBytes + bytes <= heapBytes;
  }

  /** Whoever moved them aside may be gone: they are seen off again, to their end only for `stable`. */
  async #letLeave(holder: Holder): Promise<void> {
    const left = Promise.all([...this.#leaving].map((place) => this.#retire(place)));
    await (holder === "stable" ? left : Promise.race([left, pause(LEAVE_WAIT_MS)]));
  }

  async #retire(place: Place): Promise<void> {
    if (this.#places.get(place.version) === place) this.#places.delete(place.version);
    this.#leaving.add(place);
    await place.ranker.retire();
    this.#leaving.delete(place);
  }
}

/** From a manifest that nobody has verified yet: one that tells a wrong size is found wanting when it is loaded. */
async function bytesOf(files: BundleFiles): Promise<number> {
  const bytes = await files.read("manifest.json");
  const manifest = bytes === null ? null : parseManifest(bytes);
  return manifest?.ok ? heapEstimate(manifest.value) : 0;
}

/** For whom a ranker is held. */
export type Holder = "stable" | "canary" | "shadow" | "pinned";

export interface Place {
  readonly version: string;
  readonly ranker: Ranker;
  readonly bytes: number;
  readonly holders: Set<Holder>;
  usedAt: number;
}

/** Whom each may move aside, in this order. */
const WEAKER: Readonly<Record<Holder, readonly Holder[]>> = {
  stable: ["pinned", "shadow", "canary", "stable"],
  canary: ["pinned", "shadow"],
  pinned: ["pinned", "shadow", "canary"],
  shadow: ["pinned"],
};
/** A version that callers pinned so lately is not moved aside for a trial: the two would take turns in loading. */
const PINNED_MS = 30_000;

/** Those of `places` that `holder` may move aside, the least needed first. */
export function movableFor(holder: Holder, places: readonly Place[]): Place[] {
  const order = WEAKER[holder];
  const rank = ({ holders }: Place) => Math.max(...[...holders].map((one) => order.indexOf(one)));
  return places
    .filter(({ holders }) => [...holders].every((one) => order.includes(one)))
    .filter((place) => holder === "stable" || holder === "pinned" || isUnused(place))
    .sort((a, b) => rank(a) - rank(b) || a.usedAt - b.usedAt);
}

/** No request is under way, and none that pins it is likely to come. */
function isUnused({ ranker, holders, usedAt }: Place): boolean {
  return isIdle(ranker) && !(holders.has("pinned") && Date.now() - usedAt < PINNED_MS);
}

export function isIdle(ranker: Ranker): boolean {
  const { held, waiting } = ranker.load();
  return held + waiting === 0;
}
