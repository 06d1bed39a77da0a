/** Scored texts on the wire, in the form of the request. */
import type { Score } from "../../adapter/ranker.ts";
import type { Scoring } from "../answer/scoring.ts";
import { givenBack } from "./documents.ts";
import type { CohereAnswer, CohereBody, TeiAnswer, TeiBody } from "./schema.ts";

export interface ScoredText {
  readonly index: number;
  readonly text: string;
  readonly answer: string | null;
  readonly score: Score;
  /** Its middle was not read. */
  readonly truncated: boolean;
}

/** @param ranked best first */
export function teiBody(body: TeiBody, ranked: readonly ScoredText[]): TeiAnswer {
  return ranked.map(({ index, score, truncated }) => ({
    index,
    score: body.raw_scores === true ? score.logit : score.probability,
    ...(body.return_text === true ? { text: body.texts[index] ?? "" } : {}),
    ...(truncated ? { truncated } : {}),
  }));
}

export interface CohereParts {
  readonly id: string;
  readonly task: string;
  readonly notice: string;
  /** The query was cut before the adapter counted its tokens. */
  readonly queryCut: boolean;
  /** What a plan came to; null: none was named. */
  readonly plan?: CohereAnswer["medadapter"]["plan"] | null;
}

/** @param ranked best first, all of them */
export function cohereBody(
  body: CohereBody,
  ranked: readonly ScoredText[],
  scoring: Pick<Scoring, "adapter" | "truncated" | "figures">,
  { id, task, notice, queryCut, plan }: CohereParts,
): CohereAnswer {
  const adapter = scoring.adapter ?? { name: "", version: "", channel: "stable" as const };
  const first = ranked.slice(0, body.top_n ?? body.top_k ?? ranked.length);
  const scored = first.map((one) => ({ ...one, relevance_score: relevance(body, one.score) }));
  const truncated = queryCut || scoring.truncated;
  const warnings = warningsOf(ranked, truncated);
  return {
    id,
    object: "list",
    model: adapter.name,
    results: scored.map(({ index, relevance_score, score, answer, truncated: cut }) => ({
      index,
      relevance_score,
      score: score.logit,
      answer,
      truncated: cut,
      ...(body.return_documents === true ? { document: givenBack(body, index) } : {}),
    })),
    ...(isVoyages(body) ? { data: scored.map((one) => voyageResult(body, one)) } : {}),
    meta: {
      api_version: { version: "2" },
      billed_units: { search_units: 1 },
      ...(warnings.length > 0 ? { warnings } : {}),
    },
    usage: { total_tokens: scoring.figures.tokens },
    medadapter: { adapter, task, truncated, notice, ...(plan ? { plan } : {}) },
  };
}

function relevance(body: CohereBody, score: Score): number {
  return body.raw_scores === true ? score.logit : score.probability;
}

/** Its SDK always sends `truncation`; nobody else's has either. */
function isVoyages(body: CohereBody): boolean {
  return body.truncation !== undefined || body.top_k != null;
}

function voyageResult(
  body: CohereBody,
  { index, relevance_score }: ScoredText & { relevance_score: number },
) {
  const document = body.return_documents === true ? { document: givenBack(body, index).text } : {};
  return { index, relevance_score, ...document };
}

/** Sentences for people, as Cohere's service has them; numbers of texts alone. */
function warningsOf(ranked: readonly ScoredText[], queryOrContext: boolean): string[] {
  const cut = ranked.flatMap(({ index, truncated }) => (truncated ? [index] : []));
  const named = cut.toSorted((a, b) => a - b).join(", ");
  return [
    ...(queryOrContext
      ? ["Query or context was too long for the adapter: its middle was not read."]
      : []),
    ...(cut.length > 0
      ? [`These texts were too long for the adapter, their middle was not read: ${named}.`]
      : []),
  ];
}
