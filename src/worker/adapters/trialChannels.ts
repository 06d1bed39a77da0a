/**
 * The port to an adapter's trial channels, canary and shadow: newer versions that are tried on a share of the requests.
 * The feature in trial/ implements it. Without that folder there are stable and pinned versions alone.
 */
import type { BundleStore } from "../../adapter/bundle.ts";
import type { Channel, Pointer } from "../../adapter/pointer.ts";
import type { Selection, Strategy } from "../../adapter/select/candidates.ts";
import type { PublicKeys } from "../../adapter/signature.ts";
import type { WaitUntil } from "../../net/sharedWork.ts";
import type { Question } from "../../tasks/question.ts";
import type { Bindings } from "../config/parts.ts";
import type { Observe } from "../http/log.ts";
import type { AdapterHost } from "./host.ts";
import type { RankerShelf } from "./shelf.ts";
import type { AdapterFault, RankerSource, ServedBy } from "./source.ts";

/** One adapter's trial channels in one isolate. */
export interface TrialChannels {
  /** Where the ranker comes from for a request that pinned no version: a trial's for its share, stable's for the rest. */
  source(key: RequestKey): RankerSource;
  /** Checks the trial channels' pointers where that is due; ends when it is done. Never rejects. */
  refresh(waitUntil: WaitUntil): Promise<void>;
  /** The trial channels that name a version, or whose pointer is at fault. */
  states(): readonly ChannelState[];
  /** Counts of all isolates, a few seconds old; null: they cannot be had now. Never rejects. */
  counts(): Promise<readonly ChannelCounts[] | null>;
  /** Counts a request that had scores to give and no choice to make. */
  scored(ended: RankedRequest, failed: boolean, waitUntil: WaitUntil): void;
  /** Counts an answer; where it is due, lets another adapter choose as well. */
  answered(ended: RankedRequest, outcome: FinishedAnswer, waitUntil: WaitUntil): void;
}

/** Makes an adapter's trial channels, once an isolate. */
export type MakeTrialChannels = (env: Bindings, options: TrialOptions) => TrialChannels;

export interface TrialOptions {
  readonly adapter: string;
  readonly store: BundleStore;
  /** Holds the rankers of all channels. */
  readonly shelf: RankerShelf;
  readonly stable: AdapterHost;
  /** Age in milliseconds from which a pointer is checked again. */
  readonly intervalMs: number;
  /** Pointers must be signed by one of them; null: signatures are not checked. */
  readonly signedBy: PublicKeys | null;
  readonly observe: Observe;
}

/** Whose request it is: what decides whether it belongs to a trial's share. */
export interface RequestKey {
  readonly tenant: string;
  readonly requestId: string;
}

/** A request that has ended, and the version that ranked it. */
export interface RankedRequest {
  readonly requestId: string;
  readonly servedBy: Exclude<ServedBy, "pinned">;
  readonly version: string;
}

/** What the trial channels read of an answer, to count it and to choose again. */
export interface FinishedAnswer {
  readonly ask: {
    readonly question: Question;
    readonly task: { readonly id: string };
  };
  /** The model's name at its provider, where one LLM alone wrote; null: several did. */
  readonly writer: string | null;
  /** Indices of the candidates that the choice was made among. */
  readonly deciding: readonly number[];
  readonly candidates: readonly {
    readonly index: number;
    readonly answer: string | null;
    readonly text: string;
    readonly state: "complete" | "cut" | "empty";
  }[];
  readonly selection: Pick<Selection, "ranking" | "confidence">;
  /** The strategy that really chose. */
  readonly strategy: Strategy;
  /** Null: it was scored. */
  readonly degraded: string | null;
}

/** A channel as this isolate knows it. */
export interface ChannelState {
  readonly channel: Channel;
  readonly version: string | null;
  readonly serial: number | null;
  /** Part of the traffic; of `shadow`, of the answers that it scores as well. */
  readonly share: number;
  readonly sticky: NonNullable<Pointer["sticky"]> | null;
  readonly state: (typeof CHANNEL_STATES)[number];
  /** Why and when (milliseconds since 1970) its trial was stopped; null: it was not. */
  readonly stopped: { readonly reason: StopReason; readonly at: number } | null;
  readonly fault: AdapterFault | null;
}

export const CHANNEL_STATES = ["serving", "loading", "stopped", "refused", "superseded"] as const;

/** Which bound of its pointer a trial has broken. */
export const STOP_REASONS = ["failure_rate", "abstention_difference", "agreement"] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** Whole numbers, 0 or more. */
export interface Counts {
  /** Requests that came to an end: with or without a score, but with candidates. */
  readonly requests: number;
  /** Of them those that could not be scored. */
  readonly failures: number;
  /** Answers, without those that the version's own threshold withholds; and these. What callers wish is not counted. */
  readonly answers: number;
  readonly abstentions: number;
  /** Answers compared with a second adapter's choice, and how many agreed. */
  readonly compared: number;
  readonly agreed: number;
  /** Comparisons that were due, but left out under load or because they failed. */
  readonly dropped: number;
}

export const COUNTS = [
  "requests",
  "failures",
  "answers",
  "abstentions",
  "compared",
  "agreed",
  "dropped",
] as const satisfies readonly (keyof Counts)[];

/** What was counted for one version in one channel. */
export interface ChannelCounts extends Counts {
  readonly channel: Channel;
  readonly version: string;
}
