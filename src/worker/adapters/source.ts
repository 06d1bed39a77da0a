/**
 * Where a request's ranker comes from: a channel, or a version that the caller pinned. Decided once a request.
 *
 * Why no adapter is served, or why a newer one is not: names for `/readyz`, logs and `degraded_reason`.
 */

import type { BundleFailure } from "../../adapter/bundle.ts";
import type { LoadFailure } from "../../adapter/load.ts";
import type { PointerFailure } from "../../adapter/pointer.ts";
import type { Ranker } from "../../adapter/ranker.ts";
import type { Selection, Strategy } from "../../adapter/select/candidates.ts";
import type { Question } from "../../tasks/question.ts";
import type { WaitUntil } from "../http/waiting.ts";

/** By what a version came to answer. */
export const SERVED_BY = ["stable", "canary", "pinned"] as const;
export type ServedBy = (typeof SERVED_BY)[number];

/** The ranker of a request, and by what it came. */
export interface Served {
  readonly ranker: Ranker;
  readonly servedBy: ServedBy;
}

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

/** What the channels count of an answer, and choose again from. */
export interface FinishedAnswer {
  readonly ask: {
    readonly question: Question;
    readonly task: { readonly id: string };
    /** The LLM that wrote the candidates. */
    readonly model: string;
  };
  readonly candidates: readonly {
    readonly index: number;
    readonly answer: string | null;
    readonly text: string;
    readonly state: "complete" | "cut" | "empty";
  }[];
  readonly selection: Pick<Selection, "ranking" | "abstained">;
  /** The strategy that really chose. */
  readonly strategy: Strategy;
  /** Null: it was scored. */
  readonly degraded: string | null;
}
