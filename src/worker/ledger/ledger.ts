/**
 * The port to a tenant's ledger: exact usage and quota, and the answers kept for idempotent retries. A request is
 * reserved before it costs anything and settled once after, whatever happened between. Behind it is a Durable Object.
 */
import { retried, stubOf } from "./durable.ts";
import type { CapState, LlmSpent, SpendWish, UserSpent } from "./spend.ts";

/** What a request used, or is thought to have used. All whole numbers, 0 or more. */
export interface Counts {
  readonly requests: number;
  /** Candidates that the adapter scored. */
  readonly candidates: number;
  /** Tokens that the adapter read. */
  readonly adapterTokens: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** HTTP requests to the LLM, retries included. */
  readonly llmRequests: number;
}

export interface Usage extends Counts {
  /** `name@version` of the adapter that scored, or null. */
  readonly adapter: string | null;
  /** Each LLM's part: their tokens and requests together are those of `Counts`. */
  readonly llms: readonly LlmSpent[];
}

/** One request that asks to be let through. */
export interface Reservation {
  readonly requestId: string;
  readonly keyId: string;
  /** Requests a month for this key; null: no limit. */
  readonly quota: number | null;
  /** Counted, and flagged, should the request never be settled. */
  readonly estimate: Usage;
  /** Milliseconds after which a request that was not settled counts as dead. */
  readonly holdMs: number;
  /** Absent: it costs no money. */
  readonly spend?: SpendWish;
  /** For a request with an Idempotency-Key. */
  readonly replay: ReplayWish | null;
}

export interface ReplayWish {
  /** Keyed hash of sender, route and the caller's key; tells nothing about them. */
  readonly id: string;
  /** Keyed hash of the body. */
  readonly fingerprint: string;
  /** Milliseconds for which the answer is kept. */
  readonly keepMs: number;
}

/** The key's quota and what is left of it, this request counted. */
export interface LimitState {
  readonly limit: number;
  readonly remaining: number;
  /** Until the month ends, milliseconds. */
  readonly resetMs: number;
}

/** An answer as it is kept: the body encrypted. */
export interface SealedAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly sealed: Uint8Array;
}

export type ReserveResult =
  | {
      readonly kind: "granted";
      readonly limit: LimitState | null;
      readonly caps: readonly CapState[];
    }
  | { readonly kind: "quota_exceeded"; readonly limit: LimitState }
  /** `cap`: one that leaves no room; `caps`: all. */
  | { readonly kind: "cap_reached"; readonly cap: CapState; readonly caps: readonly CapState[] }
  /** The request id was used before. */
  | { readonly kind: "duplicate" }
  /** Same Idempotency-Key: the answer is there, or another body came with it, or the first still runs. */
  | { readonly kind: "replay"; readonly answer: SealedAnswer }
  | { readonly kind: "other_body" }
  | Running;

/** The first request with an Idempotency-Key has no answer yet: milliseconds since it began, and left of its hold. */
export interface Running {
  readonly kind: "running";
  readonly ranMs: number;
  readonly leftMs: number;
}

/** `none`: no such reservation is held, because it was settled already, or never was. */
export type SettleResult = "settled" | "none";

export const GROUPS = ["day", "key", "adapter", "llm"] as const;
export type Group = (typeof GROUPS)[number];

export interface UsageQuery {
  /** First and last day, `YYYY-MM-DD` in UTC, both included. */
  readonly from: string;
  readonly to: string;
  readonly groupBy: readonly Group[];
  /** Only this key's; null: all of the tenant. */
  readonly keyId: string | null;
}

/**
 * One group of settled requests; members that were not grouped by are absent. Grouped by LLM, a request counts for each
 * LLM that it asked; what the encoder did is absent there, and tokens that were cached are told.
 */
export interface UsageRow extends Omit<Counts, "candidates" | "adapterTokens"> {
  readonly candidates?: number;
  readonly adapterTokens?: number;
  readonly cachedTokens?: number;
  readonly day?: string;
  readonly key?: string;
  readonly adapter?: string | null;
  readonly llm?: string;
  /** By the prices that were configured then. */
  readonly costMicros: number;
  /** Of the requests, those whose cost is not or not all known: an LLM had no price. */
  readonly unpricedRequests: number;
  /** Of the requests, those whose figures are estimates because nobody settled them. */
  readonly estimatedRequests: number;
}

export interface Ledger {
  reserve(reservation: Reservation): Promise<ReserveResult>;
  /** Counts the request once; a second time, or after it was given up as dead, nothing happens. */
  settle(requestId: string, usage: Usage): Promise<SettleResult>;
  /** Takes a reservation back that cost nothing. */
  release(requestId: string): Promise<SettleResult>;
  /** Keeps the answer of a request with an Idempotency-Key; null: there is none, a retry may run. */
  keep(requestId: string, answer: SealedAnswer | null): Promise<void>;
  usage(query: UsageQuery): Promise<UsageRow[]>;
  /** What is gone of caps now. */
  caps(keyId: string, wish: Pick<SpendWish, "caps" | "user">): Promise<CapState[]>;
  /** The users of apps who have spent most in the running month. */
  topUsers(limit: number): Promise<UserSpent[]>;
}

/** The object's methods as its namespace has them. */
export type LedgerNamespace = DurableObjectNamespace<Ledger & Rpc.DurableObjectBranded>;

declare module "../config/parts.ts" {
  interface Bindings {
    /** One object a tenant. */
    readonly LEDGER: LedgerNamespace;
  }
  interface Parts {
    readonly ledgerOf: (tenant: string) => Ledger;
  }
}

/** The ledger of a tenant behind its Durable Object. */
export function durableLedger(
  namespace: LedgerNamespace,
  tenant: string,
  jurisdiction: DurableObjectJurisdiction | null,
): Ledger {
  const stub = () => stubOf(namespace, tenant, jurisdiction);
  return {
    // Not tried twice: what the first try did is unknown, so that the second could find its own reservation.
    reserve: async (reservation) => stub().reserve(reservation),
    settle: (requestId, usage) => retried(() => stub().settle(requestId, usage)),
    release: (requestId) => retried(() => stub().release(requestId)),
    keep: (requestId, answer) => retried(() => stub().keep(requestId, answer)),
    usage: (query) => retried(() => stub().usage(query)),
    caps: (keyId, wish) => retried(() => stub().caps(keyId, wish)),
    topUsers: (limit) => retried(() => stub().topUsers(limit)),
  };
}
