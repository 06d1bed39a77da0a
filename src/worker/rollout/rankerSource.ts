/** Where a request's ranker comes from: a channel, or a version that the caller pinned. Decided once a request. */
import type { Ranker } from "../../adapter/ranker.ts";
import type { AdapterFault } from "./adapterFault.ts";
import type { WaitUntil } from "./pointerWatch.ts";

/** By what a version came to answer. */
export const SERVED_BY = ["stable", "canary", "pinned"] as const;
export type ServedBy = (typeof SERVED_BY)[number];

export interface RankerSource {
  /** Begins whatever has to be looked at or loaded; ends with it where `peek` has nothing yet. Never rejects. */
  look(waitUntil: WaitUntil): Promise<void>;
  /** The ranker to use at once; null: it is known only when `look` has ended. */
  peek(): Ranker | null;
  /** The ranker to use after `look`, or when that took too long; null: `status` says why. */
  settled(): Ranker | null;
  /** By what the ranker that was last given came. */
  readonly servedBy: ServedBy;
  status(): { readonly fault: AdapterFault | null };
}
