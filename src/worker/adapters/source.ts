/** Where a request's ranker comes from, and why there is none: names for `/readyz`, logs and `degraded_reason`. */
import type { BundleFailure } from "../../adapter/bundle.ts";
import type { LoadFailure } from "../../adapter/load.ts";
import type { PointerFailure } from "../../adapter/pointer.ts";
import type { Ranker } from "../../adapter/ranker.ts";
import type { WaitUntil } from "../../net/sharedWork.ts";

/** By what a version came to answer. */
export const SERVED_BY = ["stable", "canary", "pinned"] as const;
export type ServedBy = (typeof SERVED_BY)[number];

/** The ranker of a request, and by what it came. */
export interface Served {
  readonly ranker: Ranker;
  readonly servedBy: ServedBy;
}

/**
 * One request's way to a ranker: that of a channel, or of a version that the caller pinned.
 *
 * @example
 * const refreshed = source.refresh(waitUntil);
 * let served = source.ready();
 * if (served === null) {
 *   await refreshed;
 *   served = source.current(); // null: answer without scores, because of source.fault()
 * }
 */
export interface RankerSource {
  /** Begins whatever has to be checked or loaded; ends with it where `ready` has nothing yet. Never rejects. */
  refresh(waitUntil: WaitUntil): Promise<void>;
  /** The ranker to use at once; null: it is known only when `refresh` has ended. */
  ready(): Served | null;
  /** The ranker to use after `refresh`, or when that took too long; null: `fault` says why. */
  current(): Served | null;
  /** Why there is no ranker, or why a newer version is not served; null: nothing is wrong. */
  fault(): AdapterFault | null;
}

/** A bundle that cannot serve. */
export type BundleFault = BundleFailure | LoadFailure;

export type AdapterFault =
  /** No pointer: nothing was ever published for this channel. */
  | { readonly kind: "pointer_absent" }
  | { readonly kind: "store_unavailable" }
  /** Its serial is lower than one seen before. */
  | { readonly kind: "pointer_older" }
  | PointerFailure
  /** Too little heap beside what is held already. */
  | { readonly kind: "no_room"; readonly version: string }
  | (BundleFault & { readonly version: string });

/** Why an answer had to do without scores. */
export type DegradedReason =
  | AdapterFault["kind"]
  /** The adapter is being loaded and the LLM was faster. */
  | "loading";
