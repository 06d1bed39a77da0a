/** What a request is thought to cost, before it runs: counted, and flagged, only if it is never settled. */
import type { RankerSource } from "../rollout/rankerSource.ts";
import type { Usage } from "./ledger.ts";

/** Rough figures: characters a token of English text, tokens of a question and of a candidate at the adapter. */
const CHARS_PER_TOKEN = 4;
const PREFIX_TOKENS = 200;
const CANDIDATE_TOKENS = 100;

export interface Forecast {
  /** Candidates to score. */
  readonly candidates: number;
  /** Characters of the prompt; null where no LLM is asked. */
  readonly promptChars: number | null;
}

/** @param adapters the adapter that serves now, if any, is thought to serve to the end */
export function estimateOf(
  { candidates, promptChars }: Forecast,
  adapters: Pick<RankerSource, "settled">,
): Usage {
  const manifest = adapters.settled()?.manifest;
  return {
    adapter: manifest === undefined ? null : adapterId(manifest),
    requests: 1,
    candidates,
    adapterTokens: PREFIX_TOKENS + candidates * CANDIDATE_TOKENS,
    promptTokens: Math.ceil((promptChars ?? 0) / CHARS_PER_TOKEN),
    completionTokens: promptChars === null ? 0 : candidates * CANDIDATE_TOKENS,
    llmRequests: promptChars === null ? 0 : 1,
  };
}

/** An adapter's version as usage, logs and metrics name it: its publisher's words, no caller's. */
export type AdapterId = string & { readonly brand: "AdapterId" };

export function adapterId({ name, version }: { name: string; version: string }): AdapterId {
  return `${name}@${version}` as AdapterId;
}
