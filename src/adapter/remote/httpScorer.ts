/**
 * A `TextScorer` over any /rerank server. Its URL comes from the deployment; no caller and no bundle can choose it.
 *
 * There are three forms of /rerank, which differ in what is sent and how the answer is read (looked up 2026-11 in the
 * servers' own sources and references):
 *
 * - `tei`, Hugging Face's Text Embeddings Inference, POST /rerank: asked for raw scores, it gives logits. It refuses
 *   texts that are too long unless told to truncate; it counts tokens in the header `x-compute-tokens`.
 * - `vllm`, POST /rerank or /v1/rerank: it applies the sigmoid to a classifier of one logit. The scores are
 *   probabilities, and become logits here; tokens in `usage.total_tokens`. `truncate_prompt_tokens: -1` cuts at the
 *   model's own length.
 * - `cohere`, POST /v2/rerank (others serve it too): scores in 0..1, read as probabilities; it cuts documents at 4096
 *   tokens unless told otherwise; tokens, if given, in `meta.tokens.input_tokens`.
 */
import {
  type Fields,
  fields,
  parseJson,
  readUpTo,
  retryAfterSeconds,
  tokenCount,
} from "../../net/response.ts";
import { fail, ok, type Result } from "../result.ts";
import {
  type Attempt,
  readScores,
  type ScoreScale,
  type WireScore,
  withRetries,
} from "./scoreCall.ts";
import {
  failureOfStatus,
  mayPass,
  type PairTexts,
  type RemoteFailure,
  type RemoteScores,
  type TextScorer,
} from "./textScorer.ts";

export interface HttpScorerOptions {
  /** The address to post to, path included, e.g. `https://rerank.example/rerank`. */
  readonly url: string;
  readonly form: RerankForm;
  /** Sent in forms that name a model; null: the server has only one. */
  readonly model: string | null;
  /** Sent as a bearer token; null: no key is sent. */
  readonly apiKey: string | null;
  /** Milliseconds for one call, retries and waits included. */
  readonly timeoutMs: number;
}

/** vLLM repeats the texts in its answer. This limit fits 32 of them with every character escaped. */
export const MAX_ANSWER_BYTES = 2 * 1024 * 1024;

type Outcome = Result<RemoteScores, RemoteFailure>;

export function httpScorer(options: HttpScorerOptions): TextScorer {
  const { url, apiKey, timeoutMs } = options;
  return {
    score: (pairs, caller) => {
      const body = JSON.stringify(wireForms[options.form].body(pairs, options.model));
      const headers = {
        "content-type": "application/json",
        accept: "application/json",
        ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
      };
      const attempt = async (signal: AbortSignal): Promise<Attempt<RemoteScores>> => {
        const init: RequestInit = { method: "POST", headers, body, signal, redirect: "manual" };
        const response = await fetch(url, init).catch(() => null);
        if (response === null)
          return { outcome: fail({ kind: "remote_unreachable" }), again: true };
        const failure = failureOfStatus(response.status);
        if (failure === null) return { outcome: await read(response, pairs, options.form) };
        await response.body?.cancel().catch(() => {});
        const waitSeconds = retryAfterSeconds(response.headers);
        return { outcome: fail(failure), again: mayPass(failure), waitSeconds };
      };
      return withRetries(attempt, caller, timeoutMs);
    },
  };
}

async function read(response: Response, pairs: PairTexts, form: RerankForm): Promise<Outcome> {
  const { entries, tokens, scale } = wireForms[form];
  const type = response.headers.get("content-type") ?? "";
  if (!/^application\/(?:[\w.-]+\+)?json\b/iu.test(type)) {
    await response.body?.cancel().catch(() => {});
    return fail({ kind: "remote_malformed" });
  }
  const body = await readUpTo(response.body, MAX_ANSWER_BYTES).catch(() => null);
  if (body === null) return fail({ kind: "remote_cut" });
  if (!body.whole) return fail({ kind: "remote_too_large" });
  const json = parseJson(body.text);
  const found = entries(json);
  if (found === null) return fail({ kind: "remote_malformed" });
  const logits = readScores(found, pairs.texts.length, scale);
  return logits.ok
    ? ok({ logits: logits.value, tokens: tokens(json, response.headers) })
    : fail(logits.failure);
}

export const rerankForms = ["tei", "vllm", "cohere"] as const;
export type RerankForm = (typeof rerankForms)[number];

interface WireForm {
  readonly scale: ScoreScale;
  /** @param model null: the server has only one */
  body(pairs: PairTexts, model: string | null): Fields;
  /** The scores; null where the value is not of this form. */
  entries(json: unknown): readonly WireScore[] | null;
  tokens(json: unknown, headers: Headers): number;
}

const wireForms: Readonly<Record<RerankForm, WireForm>> = {
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
