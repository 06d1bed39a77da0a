/** Why no adapter is served, or why a newer one is not: names for `/readyz`, logs and `degraded_reason`. */
import type { BundleFailure } from "../../adapter/bundle.ts";
import type { LoadFailure } from "../../adapter/load.ts";
import type { PointerFailure } from "../../adapter/pointer.ts";

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
