/**
 * Calls of this page to the Worker it came from, and the parts of the bodies that it reads; `/openapi.json` has them
 * whole.
 */
import { createParser, type EventSourceMessage } from "eventsource-parser";

/** The service refused; `message` is its own sentence. */
export class Refused extends Error {}

function headers(key: string): Record<string, string> {
  return {
    "content-type": "application/json",
    ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
  };
}

async function refusal(response: Response): Promise<Refused> {
  const problem = (await response.json().catch(() => ({}))) as { detail?: unknown };
  const { detail } = problem;
  return new Refused(
    typeof detail === "string" ? detail : `The service answered ${response.status}.`,
  );
}

export type AskEvent =
  | { readonly kind: "candidate"; readonly candidate: CandidateEvent }
  | { readonly kind: "escalation"; readonly escalation: Escalation }
  | { readonly kind: "answer"; readonly answer: Answer };

/** Asks and reads the stream. Throws `Refused`, and what `fetch` throws when it is aborted. */
export async function* ask(
  body: object,
  key: string,
  signal: AbortSignal,
): AsyncGenerator<AskEvent, void> {
  const response = await fetch("/v1/answer", {
    method: "POST",
    headers: { ...headers(key), accept: "text/event-stream" },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok || response.body === null) throw await refusal(response);
  const waiting: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => waiting.push(message) });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(value);
    for (const { event, data } of waiting.splice(0)) {
      if (event === "candidate") yield { kind: "candidate", candidate: JSON.parse(data) };
      if (event === "escalation") yield { kind: "escalation", escalation: JSON.parse(data) };
      if (event === "answer") yield { kind: "answer", answer: JSON.parse(data).medadapter };
      if (event === "error") throw new Refused(JSON.parse(data).error.message);
    }
  }
}

/** Scores given texts. Throws `Refused`. */
export async function rank(body: object, key: string): Promise<Ranked> {
  const response = await fetch("/v1/rerank", {
    method: "POST",
    headers: headers(key),
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

export interface Model {
  readonly name: string;
  /** Its plan says how many candidates its LLMs write. */
  readonly isPlanned: boolean;
}

/** What can be asked; an empty list where the service wants a key first. */
export async function models(): Promise<Model[]> {
  const response = await fetch("/v1/models").catch(() => null);
  if (response === null || !response.ok) return [];
  const { data } = (await response.json()) as { data: ModelBody[] };
  return data.map(({ id, medadapter }) => ({
    name: id,
    isPlanned: medadapter.stages.some(({ llms }) =>
      llms.some(({ candidates }) => candidates !== null),
    ),
  }));
}

interface ModelBody {
  readonly id: string;
  readonly medadapter: {
    readonly stages: readonly {
      readonly llms: readonly { readonly candidates: number | null }[];
    }[];
  };
}

/** Why a further stage of a plan was entered. */
export interface Escalation {
  readonly stage: number;
  readonly reason: "unsure" | "no_answer" | "failed";
  readonly judged: {
    readonly by: "confidence" | "agreement";
    readonly value: number;
    readonly threshold: number;
  } | null;
  /** Of the stream's event: the LLMs that are asked now. */
  readonly llms?: readonly string[];
}

interface Money {
  readonly amount: string;
  readonly currency: string;
}

export interface Candidate {
  readonly index: number;
  /** Absent in texts that the reader ranks. */
  readonly llm?: string;
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
  readonly votes: readonly {
    readonly answer: string;
    readonly count: number;
    readonly by_llm: Readonly<Record<string, number>>;
  }[];
  readonly escalations: readonly Escalation[];
  readonly skipped: readonly {
    readonly llm: string;
    readonly reason: string;
    readonly candidates: number;
  }[];
  readonly cost: Money | null;
  readonly usage: {
    readonly llms: readonly { readonly llm: string; readonly cost: Money | null }[];
  };
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
