/** Between the ledger's types and the rows of its tables. */
import type { Counts, Usage, UsageRow } from "./ledger.ts";
import { costOfAll, type LlmSpent } from "./spend.ts";

/** Columns of `Counts`, in one order for all statements. */
export const COUNT_COLUMNS =
  "requests, candidates, adapter_tokens, prompt_tokens, completion_tokens, llm_requests";

/** Columns of an LLM's figures, likewise. */
export const LLM_COLUMNS = [
  "requests",
  "llm_requests",
  "prompt_tokens",
  "cached_tokens",
  "completion_tokens",
  "cost_micros",
  "unpriced_requests",
] as const;

/** The most of anything that one request is counted for. A million such requests still add up exactly in a double. */
const MOST_PER_REQUEST = 1_000_000_000;
/** A million of the currency's units: nine thousand such requests still add up exactly. */
export const MOST_MICROS = 1_000_000_000_000;

/** A count as it is kept. An LLM may claim any number of tokens: one that is none counts as none. */
export function wholeUpTo(count: number, most = MOST_PER_REQUEST): number {
  return count >= 0 ? Math.min(Math.floor(count), most) : 0;
}

export type CountRow = {
  requests: number;
  candidates: number;
  adapter_tokens: number;
  prompt_tokens: number;
  completion_tokens: number;
  llm_requests: number;
};
export type Held = { key_id: string; day: string; user: string };
export type OrphanRow = CountRow & Held & { adapter: string; llms: string };
export type UsageSums = CountRow & {
  cost_micros: number;
  unpriced_requests: number;
  day?: string;
  key_id?: string;
  adapter?: string;
  estimated_requests: number;
};

export type LlmSums = Record<(typeof LLM_COLUMNS)[number] | "estimated_requests", number> & {
  day?: string;
  key_id?: string;
  adapter?: string;
  llm?: string;
};

export function countsIn(row: CountRow): Counts {
  return {
    requests: row.requests,
    candidates: row.candidates,
    adapterTokens: row.adapter_tokens,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    llmRequests: row.llm_requests,
  };
}

export function usageRow(sums: UsageSums): UsageRow {
  return {
    ...(sums.day === undefined ? {} : { day: sums.day }),
    ...(sums.key_id === undefined ? {} : { key: sums.key_id }),
    ...(sums.adapter === undefined ? {} : { adapter: sums.adapter || null }),
    ...countsIn(sums),
    costMicros: sums.cost_micros,
    unpricedRequests: sums.unpriced_requests,
    estimatedRequests: sums.estimated_requests,
  };
}

/** What the encoder did is no LLM's. */
export function llmRow(sums: LlmSums): UsageRow {
  return {
    ...(sums.day === undefined ? {} : { day: sums.day }),
    ...(sums.key_id === undefined ? {} : { key: sums.key_id }),
    ...(sums.adapter === undefined ? {} : { adapter: sums.adapter || null }),
    ...(sums.llm === undefined ? {} : { llm: sums.llm }),
    requests: sums.requests,
    promptTokens: sums.prompt_tokens,
    cachedTokens: sums.cached_tokens,
    completionTokens: sums.completion_tokens,
    llmRequests: sums.llm_requests,
    costMicros: sums.cost_micros,
    unpricedRequests: sums.unpriced_requests,
    estimatedRequests: sums.estimated_requests,
  };
}

export type Used = Counts & Pick<Usage, "llms">;

/** Rounded up for each LLM, and summed. */
export function costIn({ llms }: Pick<Usage, "llms">): number {
  return wholeUpTo(costOfAll(llms ?? []), MOST_MICROS);
}

/** In the order of `COUNT_COLUMNS`. */
export function countsOf(counts: Counts): number[] {
  const { requests, candidates, adapterTokens, promptTokens, completionTokens, llmRequests } =
    counts;
  return [requests, candidates, adapterTokens, promptTokens, completionTokens, llmRequests].map(
    (count) => wholeUpTo(count),
  );
}

/** In the order of `LLM_COLUMNS`. */
export function figuresOf(spent: LlmSpent): number[] {
  const { requests, promptTokens, cachedTokens, completionTokens, costMicros } = spent;
  return [
    1,
    ...[requests, promptTokens, cachedTokens, completionTokens].map((count) => wholeUpTo(count)),
    wholeUpTo(costMicros ?? 0, MOST_MICROS),
    costMicros === null ? 1 : 0,
  ];
}
