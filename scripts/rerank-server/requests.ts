/** Reads /rerank requests. Fields that are not known are let be: clients of three forms send many. */

export interface PairRequest {
  readonly query: string;
  readonly texts: readonly string[];
  /** Null: all of them. */
  readonly topN: number | null;
  /** Logits, not their sigmoid. */
  readonly rawScores: boolean;
}

/** As many as the Worker's own /v1/rerank takes. */
const MOST_TEXTS = 256;

/** TEI's form: `{query, texts, raw_scores?}`; null for anything else. */
export function readTexts(body: unknown): PairRequest | null {
  const { query, texts, raw_scores: raw } = fields(body);
  if (typeof query !== "string" || !isTexts(texts)) return null;
  return { query, texts, topN: null, rawScores: raw === true };
}

/** vLLM's and Cohere's form: `{query, documents, top_n?}`, a document a string or `{text}`; null for anything else. */
export function readDocuments(body: unknown): PairRequest | null {
  const { query, documents, top_n: topN } = fields(body);
  if (typeof query !== "string" || !Array.isArray(documents)) return null;
  const texts = documents.map((one) => (typeof one === "string" ? one : fields(one).text));
  if (!isTexts(texts)) return null;
  const most = typeof topN === "number" && Number.isInteger(topN) && topN > 0 ? topN : null;
  return { query, texts, topN: most, rawScores: false };
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

function isTexts(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= MOST_TEXTS &&
    value.every((one) => typeof one === "string")
  );
}
