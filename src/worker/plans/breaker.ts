/**
 * Keeps an LLM that is down out of plans for a while, then tries it with one request. State of an isolate, plain data.
 * It is asked only where another LLM can take the place: an LLM that stands alone is always asked.
 *
 * What a caller may bring about by a request of its own (a timeout, an error over its text) counts for its tenant alone,
 * so that no tenant takes an LLM from another.
 */
import type { GenerateFailure } from "../../llm/generator.ts";

/** Failures in a row until an LLM is kept out. */
const FAILURES = 3;
/** How long it is kept out: twice as long after each trial that fails. Milliseconds. */
const FIRST_MS = 15_000;
const LONGEST_MS = 300_000;
/** While one request tries it, others stay away for so long. */
const TRIAL_MS = 10_000;
/** Tenants come and go: the oldest entry is forgotten first. */
const MAX_ENTRIES = 1_024;

/** The LLM itself is out of order, whoever asks. */
const FOR_ALL: ReadonlySet<GenerateFailure> = new Set([
  "refused_connection",
  "unauthorized",
  "unknown_model",
  "rate_limited",
  "quota",
]);
/** So it seems, but a caller's request may be the cause. */
const FOR_TENANT: ReadonlySet<GenerateFailure> = new Set([
  "server_error",
  "timeout",
  "cut_stream",
  "malformed",
  "too_large",
]);

interface Entry {
  failures: number;
  /** Milliseconds since 1970; 0: it was never kept out since it last answered. */
  outUntil: number;
  pauseMs: number;
}

export class Breakers {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  /** @param now milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Whether the LLM is to be left out. Where its time is over, this request is the one that tries it. */
  isOut(llm: string, tenant: string): boolean {
    const now = this.#now();
    const entries = [llm, tenantKey(llm, tenant)].flatMap((key) => this.#entries.get(key) ?? []);
    const closed = entries.filter(({ outUntil }) => outUntil > 0);
    if (closed.some(({ outUntil }) => outUntil > now)) return true;
    for (const entry of closed) entry.outUntil = now + TRIAL_MS;
    return false;
  }

  /** Notes why a request got nothing from the LLM. @param retryAfterSeconds as the provider says */
  failed(llm: string, tenant: string, reason: GenerateFailure, retryAfterSeconds?: number): void {
    const forAll = FOR_ALL.has(reason);
    if (!forAll && !FOR_TENANT.has(reason)) return;
    const key = forAll ? llm : tenantKey(llm, tenant);
    const entry = this.#entries.get(key) ?? this.#newEntry(key);
    entry.failures += 1;
    const wait = (retryAfterSeconds ?? 0) * 1000;
    // A provider that names a time is believed at once.
    if (entry.failures < FAILURES && wait === 0) return;
    entry.outUntil = this.#now() + Math.min(Math.max(entry.pauseMs, wait), LONGEST_MS);
    entry.pauseMs = Math.min(entry.pauseMs * 2, LONGEST_MS);
  }

  /** The LLM has written something: it is well. */
  answered(llm: string, tenant: string): void {
    this.#entries.delete(llm);
    this.#entries.delete(tenantKey(llm, tenant));
  }

  #newEntry(key: string): Entry {
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MAX_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
    const entry = { failures: 0, outUntil: 0, pauseMs: FIRST_MS };
    this.#entries.set(key, entry);
    return entry;
  }
}

function tenantKey(llm: string, tenant: string): string {
  return `${tenant} ${llm}`;
}
