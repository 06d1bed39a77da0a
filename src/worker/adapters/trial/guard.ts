/**
 * The port to an adapter's guard, and the rule by which it judges. The guard adds up what isolates count while a canary
 * is on trial, and stops a canary that leaves the bounds of its pointer. A trial is one serial of the canary's pointer.
 */
import type { Bounds } from "../../../adapter/pointer.ts";
import { stubOf } from "../../ledger/durable.ts";
import type { ChannelCounts, Counts, StopReason } from "../trialChannels.ts";

export const NO_COUNTS: Counts = {
  requests: 0,
  failures: 0,
  answers: 0,
  abstentions: 0,
  compared: 0,
  agreed: 0,
  dropped: 0,
};

/** A canary's serial, the version it tries, and what it must keep to. */
export interface Trial {
  readonly serial: number;
  readonly version: string;
  readonly bounds: Bounds;
}

/** What was counted while a trial was on (null: while there was none). */
export interface GuardReport {
  readonly trial: Trial | null;
  readonly counts: readonly ChannelCounts[];
}

/** That a canary was stopped: when (milliseconds since 1970), why, and the counts of both sides then. */
export interface Stop {
  readonly serial: number;
  readonly version: string;
  readonly reason: StopReason;
  readonly at: number;
  readonly canary: Counts;
  readonly stable: Counts;
}

/** Null: the trial may go on. */
export type Verdict = Stop | null;

export interface GuardOverview {
  readonly stop: Verdict;
  readonly counts: readonly ChannelCounts[];
}

export interface Guard {
  /** Adds the counts, judges the trial, and says how it stands. */
  report(report: GuardReport): Promise<Verdict>;
  verdict(serial: number): Promise<Verdict>;
  /** The counts of a trial, or of the time without one (null), and how it ended. */
  overview(serial: number | null): Promise<GuardOverview>;
}

/**
 * The first bound that is broken, or null. Rates are taken as they are, without an interval around them: stopping a good
 * canary costs a second try, going on with a bad one costs wrong answers. What has fewer than `minRequests` behind it is
 * not judged.
 */
export function judge(bounds: Bounds, canary: Counts, stable: Counts): StopReason | null {
  const { minRequests } = bounds;
  const failureRate = rate(canary.failures, canary.requests, minRequests);
  if (failureRate !== null && failureRate > bounds.maxFailureRate) return "failure_rate";
  const withheld = [canary, stable].map(({ answers, abstentions }) =>
    rate(abstentions, answers + abstentions, minRequests),
  );
  const [ofCanary = null, ofStable = null] = withheld;
  if (
    ofCanary !== null &&
    ofStable !== null &&
    Math.abs(ofCanary - ofStable) > bounds.maxAbstentionDifference
  ) {
    return "abstention_difference";
  }
  const agreement = rate(canary.agreed, canary.compared, minRequests);
  return agreement !== null && agreement < bounds.minAgreement ? "agreement" : null;
}

function rate(part: number, whole: number, least: number): number | null {
  return whole < least ? null : part / whole;
}

/** The object's methods as its namespace has them. */
export type GuardNamespace = DurableObjectNamespace<Guard & Rpc.DurableObjectBranded>;

declare module "../../config/parts.ts" {
  interface Bindings {
    /** Counts of canary and stable, and what became of each canary: one object an adapter. */
    readonly GUARD: GuardNamespace;
  }
}

/** The guard of an adapter behind its Durable Object. */
export function durableGuard(namespace: GuardNamespace, adapter: string): Guard {
  const stub = () => stubOf(namespace, adapter, null);
  return {
    // Not tried twice: what the first try did is unknown, and counts must not be added twice.
    report: async (report) => stub().report(report),
    verdict: async (serial) => stub().verdict(serial),
    overview: async (serial) => stub().overview(serial),
  };
}
