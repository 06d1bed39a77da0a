/**
 * Money that requests cost, and caps on it. Amounts are whole micro-units of the deployment's currency; days and months
 * are those of UTC.
 */
import { moneyText } from "../../net/money.ts";
import type { Caller } from "../access/caller.ts";
import { Problem } from "../http/problems.ts";

/** One LLM's part in a request. Whole numbers, 0 or more. */
export interface LlmSpent {
  /** Its name in the configuration. */
  readonly llm: string;
  readonly promptTokens: number;
  /** Of the prompt's tokens. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** HTTP requests, with retries. */
  readonly requests: number;
  /** Null: its price is not known. It counts as 0. */
  readonly costMicros: number | null;
}

export const PERIODS = ["day", "month"] as const;
export type Period = (typeof PERIODS)[number];

/** Whose spending a cap bounds: a key's, or that of one user of an app (a token's subject). */
export const CAPPED = ["key", "user"] as const;

export interface SpendCap {
  readonly of: (typeof CAPPED)[number];
  readonly period: Period;
  readonly micros: number;
}

/** The money of a request that asks to be let through. */
export interface SpendWish {
  /** The most that it can cost. */
  readonly worstMicros: number;
  /** All of them must leave room for it. */
  readonly caps: readonly SpendCap[];
  /** The hash of a token's subject, whose spending is summed; null: a key's request, summed by key alone. */
  readonly user: string | null;
}

/** A cap, and what of it is gone. */
export interface CapState extends SpendCap {
  /** Settled requests of the period. */
  readonly spentMicros: number;
  /** The most that requests which run now can still cost. */
  readonly heldMicros: number;
  /** When the period ends. Milliseconds since 1970. */
  readonly resetsAt: number;
}

/** What one user of an app has spent in the running day and month. */
export interface UserSpent {
  /** The hash of the token's subject. */
  readonly user: string;
  readonly dayMicros: number;
  readonly monthMicros: number;
}

/** The caps that hold for a caller. */
export function capsOf({ how, spend }: Pick<Caller, "how" | "spend">): SpendCap[] {
  const of = how === "token" ? "user" : "key";
  return PERIODS.flatMap((period) => {
    const micros = spend?.[period] ?? null;
    return micros === null ? [] : [{ of, period, micros } as const];
  });
}

/** Whose spending is summed beside the key's. */
export function userOf({ how, principal }: Pick<Caller, "how" | "principal">): string | null {
  return how === "token" ? principal : null;
}

/** What the LLMs of a request cost together, those of unknown price left out. */
export function costOfAll(llms: readonly Pick<LlmSpent, "costMicros">[]): number {
  return llms.reduce((sum, { costMicros }) => sum + (costMicros ?? 0), 0);
}

/** Whether a request that can cost so much still fits under the cap. */
export function hasRoom({ micros, spentMicros, heldMicros }: CapState, worstMicros: number) {
  return worstMicros === 0 || spentMicros + heldMicros + worstMicros <= micros;
}

/** Seconds after which requests that run now are likely to have ended, and what they held is free. */
const HELD_WAIT_S = 5;

/**
 * The refusal of a request that a cap has no room for. Where requests that run now hold the room it is soon free again,
 * else when the period ends.
 */
export function capProblem(state: CapState, worstMicros: number, now: number): Problem {
  const { of, period, micros, spentMicros, heldMicros, resetsAt } = state;
  const fits = spentMicros + worstMicros <= micros;
  return new Problem("spending_cap_reached", {
    retryAfterSeconds: fits ? HELD_WAIT_S : (resetsAt - now) / 1_000,
    spending: {
      of,
      period,
      cap: moneyText(micros),
      spent: moneyText(spentMicros),
      held: moneyText(heldMicros),
      request: moneyText(worstMicros),
      resets_at: new Date(resetsAt).toISOString(),
    },
  });
}

/** Whether a refusal is one that ends with the requests that run now, so that a line of a batch may wait. */
export function isHeldUp({ kind, details }: Problem): boolean {
  return kind === "spending_cap_reached" && details.retryAfterSeconds === HELD_WAIT_S;
}

/** The share of a cap, in hundredths, from which callers are warned. */
const WARN_PERCENT = 80;

/** How much of the cap is spent: whole hundredths. */
export function percentOf({ micros, spentMicros }: CapState): number {
  return micros === 0 ? 100 : Math.floor((spentMicros * 100) / micros);
}

export const SPEND_WARNING = "x-medadapter-spend-warning";

/**
 * The header's value: a list of the caps of which 80 hundredths are spent, in the form of RFC 9651; null: there is none.
 * @example key-day;spent="4.100000";cap="5.000000";reset=3600
 */
export function spendWarning(states: readonly CapState[], now: number): string | null {
  const warned = states.filter((state) => percentOf(state) >= WARN_PERCENT);
  if (warned.length === 0) return null;
  return warned
    .map(({ of, period, micros, spentMicros, resetsAt }) => {
      const reset = Math.max(0, Math.ceil((resetsAt - now) / 1_000));
      return `${of}-${period};spent="${moneyText(spentMicros)}";cap="${moneyText(micros)}";reset=${reset}`;
    })
    .join(", ");
}
