/** The places of an isolate's rankers: for whom each is held, and who may be moved aside for whom. */
import type { Ranker } from "../../adapter/ranker.ts";

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
