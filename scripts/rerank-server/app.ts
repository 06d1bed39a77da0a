/** The server's routes: the three forms of /rerank, and a probe. Texts are scored and forgotten; nothing is logged. */
import { timingSafeEqual } from "node:crypto";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { sigmoid } from "../../src/adapter/ranker.ts";
import type { PairScorer, PairScores } from "./pairScorer.ts";
import { type PairRequest, readDocuments, readTexts } from "./requests.ts";

export interface RerankAppOptions {
  readonly scorer: PairScorer;
  /** `name@version` of the adapter. */
  readonly model: string;
  /** Callers must send it as a bearer token; null: nobody is asked. */
  readonly apiKey: string | null;
}

const MAX_BODY_BYTES = 8 * 2 ** 20;

export function rerankApp({ scorer, model, apiKey }: RerankAppOptions): Hono {
  const app = new Hono();
  app.get("/health", (c) => c.json({ status: "ok", model }));
  app.use("*", keyed(apiKey));
  app.use(
    "*",
    bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => refused(c, 413, "body too large") }),
  );

  // TEI's form, or vLLM's: they share the path, and differ in the texts' name.
  app.post("/rerank", async (c) => {
    const body: unknown = await c.req.json().catch(() => null);
    const tei = readTexts(body);
    if (tei !== null) return answer(c, scorer, tei, teiBody);
    return answer(c, scorer, readDocuments(body), vllmBody(model));
  });
  app.post("/v1/rerank", async (c) =>
    answer(c, scorer, readDocuments(await c.req.json().catch(() => null)), vllmBody(model)),
  );
  app.post("/v2/rerank", async (c) =>
    answer(c, scorer, readDocuments(await c.req.json().catch(() => null)), cohereBody),
  );
  app.notFound((c) => refused(c, 404, "there is nothing here"));
  app.onError((_, c) => refused(c, 500, "scoring failed"));
  return app;
}

type Shape = (request: PairRequest, scores: PairScores) => object;

async function answer(c: Context, scorer: PairScorer, request: PairRequest | null, shape: Shape) {
  if (request === null) return refused(c, 422, "not a rerank request of a form known here");
  const scores = await scorer.score(request.query, request.texts);
  if (!scores.ok) return refused(c, 413, "query too long");
  c.header("x-compute-tokens", String(scores.value.tokens));
  return c.json(shape(request, scores.value));
}

/** Texts by score, best first. */
function ranked({ topN }: PairRequest, { logits }: PairScores) {
  const order = logits.map((logit, index) => ({ index, logit })).sort((a, b) => b.logit - a.logit);
  return order.slice(0, topN ?? order.length);
}

const teiBody: Shape = (request, scores) =>
  ranked(request, scores).map(({ index, logit }) => ({
    index,
    score: request.rawScores ? logit : sigmoid(logit),
  }));

function results(request: PairRequest, scores: PairScores) {
  return ranked(request, scores).map(({ index, logit }) => ({
    index,
    relevance_score: sigmoid(logit),
  }));
}

function vllmBody(model: string): Shape {
  return (request, scores) => ({
    id: `rerank-${crypto.randomUUID()}`,
    model,
    usage: { prompt_tokens: scores.tokens, total_tokens: scores.tokens },
    results: results(request, scores),
  });
}

const cohereBody: Shape = (request, scores) => ({
  id: crypto.randomUUID(),
  results: results(request, scores),
  meta: { api_version: { version: "2" }, tokens: { input_tokens: scores.tokens } },
});

function keyed(apiKey: string | null) {
  const wanted = apiKey === null ? null : Buffer.from(`Bearer ${apiKey}`);
  return createMiddleware(async (c, next) => {
    const given = Buffer.from(c.req.header("authorization") ?? "");
    const right =
      wanted === null || (given.length === wanted.length && timingSafeEqual(given, wanted));
    if (!right) return refused(c, 401, "no valid key");
    return next();
  });
}

function refused(c: Context, status: 401 | 404 | 413 | 422 | 500, error: string) {
  return c.json({ error, error_type: "rerank" }, status);
}
