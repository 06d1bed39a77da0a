/** The parts of the API's bodies that this page reads; `/openapi.json` has them whole. */

export interface Candidate {
  readonly index: number;
  readonly answer: string | null;
  readonly score: number | null;
  readonly probability: number | null;
  readonly text?: string;
  readonly arrived_ms: number;
  readonly scored_ms: number | null;
}

export interface CandidateEvent extends Candidate {
  readonly object: "medadapter.candidate";
  readonly leader: { readonly index: number | null; readonly answer: string | null };
  readonly votes: readonly { readonly answer: string; readonly count: number }[];
}

export interface Answer {
  readonly answer: string | null;
  readonly text: string | null;
  readonly confidence: number | null;
  readonly confidence_reason: string | null;
  readonly abstained: boolean;
  readonly abstained_reason: string | null;
  readonly degraded: boolean;
  readonly degraded_reason: string | null;
  readonly strategy: string;
  readonly adapter: {
    readonly name: string;
    readonly version: string;
    readonly channel: "stable" | "canary" | "pinned";
  } | null;
  readonly candidates: readonly Candidate[];
  readonly votes: readonly { readonly answer: string; readonly count: number }[];
  readonly failed: readonly { readonly reason: string; readonly count: number }[];
  readonly timing: {
    readonly total_ms: number;
    readonly llm_ms: number;
    readonly prefix_ms: number | null;
    readonly after_llm_ms: number;
  };
  readonly notice: string;
  readonly urgent_text: string | null;
}

export interface Ranked {
  readonly results: readonly {
    readonly index: number;
    readonly relevance_score: number;
    readonly score: number;
    readonly answer: string | null;
  }[];
  readonly medadapter: {
    readonly adapter: { readonly name: string; readonly version: string };
    readonly notice: string;
  };
}

/** A question as the form holds it. */
export interface Asked {
  readonly question: string;
  readonly options?: readonly { readonly label: string; readonly text: string }[];
  readonly context?: string;
  /** In place of context: the LLM never sees it. */
  readonly evidence?: string;
  readonly task?: string;
}
