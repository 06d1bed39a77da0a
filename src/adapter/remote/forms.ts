/**
 * The three forms of /rerank: what is sent, and how what comes back is read (looked up 2026-11 in the servers' own
 * sources and references).
 *
 * - `tei`, Hugging Face's Text Embeddings Inference, POST /rerank: raw scores are asked for, so they are logits. It
 *   refuses what is too long unless told to truncate; it counts tokens in the header `x-compute-tokens`.
 * - `vllm`, POST /rerank or /v1/rerank: a classifier of one logit is served with its sigmoid, so scores are
 *   probabilities, and become logits here; tokens in `usage.total_tokens`. -1: cut at the model's own length.
 * - `cohere`, POST /v2/rerank (others serve it too): scores are in 0..1 and are taken for probabilities; documents are
 *   cut at 4096 tokens unless told otherwise; tokens, where told, in `meta.tokens.input_tokens`.
 */
import { type Fields, fields, tokenCount } from "./json.ts";
import type { ScoreScale, WireScore } from "./scores.ts";
import type { PairTexts } from "./textScorer.ts";

export const rerankForms = ["tei", "vllm", "cohere"] as const;
export type RerankForm = (typeof rerankForms)[number];

export interface WireForm {
  readonly scale: ScoreScale;
  /** @param model null: the server has only one */
  body(pairs: PairTexts, model: string | null): Fields;
  /** The scores; null where the value is not of this form. */
  entries(json: unknown): readonly WireScore[] | null;
  tokens(json: unknown, headers: Headers): number;
}

export const wireForms: Readonly<Record<RerankForm, WireForm>> = {
  tei: {
    scale: "logits",
    body: ({ query, texts }) => ({ query, texts, raw_scores: true, truncate: true }),
    entries: (json) => (Array.isArray(json) ? wireScores(json, "score") : null),
    tokens: (_, headers) => tokenCount(Number(headers.get("x-compute-tokens") ?? Number.NaN)),
  },
  vllm: {
    scale: "probabilities",
    body: (pairs, model) => ({ ...documents(pairs, model), truncate_prompt_tokens: -1 }),
    entries: resultsOf,
    tokens: (json) => tokenCount(fields(fields(json)?.usage)?.total_tokens),
  },
  cohere: {
    scale: "probabilities",
    body: documents,
    entries: resultsOf,
    tokens: (json) => tokenCount(fields(fields(fields(json)?.meta)?.tokens)?.input_tokens),
  },
};

function documents({ query, texts }: PairTexts, model: string | null): Fields {
  return {
    ...(model === null ? {} : { model }),
    query,
    documents: texts,
    top_n: texts.length,
  };
}

function resultsOf(json: unknown): readonly WireScore[] | null {
  const results = fields(json)?.results;
  return Array.isArray(results) ? wireScores(results, "relevance_score") : null;
}

function wireScores(entries: readonly unknown[], scoreField: string): WireScore[] {
  return entries.map((entry) => ({
    index: fields(entry)?.index,
    score: fields(entry)?.[scoreField],
  }));
}
