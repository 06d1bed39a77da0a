/** `POST /v1/rerank`: scores texts that someone else wrote, in Cohere's or Text Embeddings Inference's form. */
import { createRoute, type RouteHandler, type z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Score } from "../../adapter/ranker.ts";
import { parseAnswer } from "../../tasks/parse.ts";
import {
  isEvidenceUnseen,
  type Option,
  type Question,
  readByAdapter,
} from "../../tasks/question.ts";
import { withoutThinking } from "../../tasks/thinking.ts";
import { type AdapterChoice, readAdapter } from "../adapters/rollout.ts";
import { readTaskAndQuestion, toQuestion } from "../answer/question.ts";
import { scoringLog } from "../answer/run.ts";
import { Scoring, spentOf } from "../answer/scoring.ts";
import type { AppEnv } from "../config/parts.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import { answerHeaders, idempotencyKey, problemResponses } from "../http/schema.ts";
import { type Ending, estimateOf, NOTHING } from "../ledger/meter.ts";
import { type CohereRequest, RerankRequest, RerankResponse, type TeiRequest } from "./schema.ts";

export const rerankRoute = createRoute({
  method: "post",
  path: "/v1/rerank",
  tags: ["Answers"],
  summary: "Score texts that someone else wrote (Cohere's and TEI's forms)",
  request: {
    headers: idempotencyKey,
    body: { required: true, content: { "application/json": { schema: RerankRequest } } },
  },
  responses: {
    200: {
      description: "Best first, in the form of the request",
      headers: answerHeaders,
      content: { "application/json": { schema: RerankResponse } },
    },
    ...problemResponses,
  },
});

type Body = z.infer<typeof RerankRequest>;
type CohereBody = z.infer<typeof CohereRequest>;
type TeiBody = z.infer<typeof TeiRequest>;

interface ScoredText {
  readonly index: number;
  readonly text: string;
  readonly answer: string | null;
  readonly score: Score;
}

const fields = {
  task: "task",
  options: "options",
  context: "context",
  evidence: "evidence",
};

export const postRerank: RouteHandler<typeof rerankRoute, AppEnv> = async (c) => {
  const body = c.req.valid("json");
  const texts = textsOf(body);
  const { adapter, pin } = await readWanted(c, body);
  const given = toQuestion({ ...body, question: body.query });
  // No LLM is asked: evidence is context like any other.
  const asked = isEvidenceUnseen(given)
    ? { question: given.question, options: given.options, context: readByAdapter(given) }
    : given;
  const { task, question } = readTaskAndQuestion(body.task, asked, fields);
  const answers = readAnswers(body, texts.length, question.options);
  const labelled = texts.map((text, index) => {
    const answer = answers
      ? (answers[index] ?? null)
      : parseAnswer(task, question.options, text).label;
    return { index, text, answer };
  });
  const answered = await scoreTexts(c, { adapter, pin }, question, labelled);
  // It has the form of the first answer, which its type does not tell.
  if (answered instanceof Response) return answered as never;
  const { scored, scoring } = answered;
  const ranked = scored.sort((a, b) => b.score.logit - a.score.logit || a.index - b.index);
  Object.assign(c.get("figures"), scoringLog(scoring));
  return "texts" in body
    ? c.json(teiBody(body, ranked), 200)
    : c.json(cohereBody(c, body, ranked, scoring, task.id), 200);
};

/** The adapter: `model` in Cohere's form, or `adapter`; where both are given the version that either pins. */
async function readWanted(c: Context<AppEnv>, body: Body): Promise<AdapterChoice> {
  const parts = c.get("parts");
  const { adapter: usual } = parts.config;
  const caller = c.get("caller");
  const named = await readAdapter(body.adapter, "adapter", parts, caller, usual);
  const model = "model" in body ? body.model : null;
  const asModel = await readAdapter(model, "model", parts, caller, named.adapter);
  return { adapter: asModel.adapter, pin: asModel.pin ?? named.pin };
}

function textsOf(body: Body): string[] {
  const given = "texts" in body ? body.texts : body.documents;
  return given.map((one) => (typeof one === "string" ? one : one.text).toWellFormed());
}

/** The caller's own labels for the texts, checked. */
function readAnswers(body: Body, count: number, options: readonly Option[]) {
  const { answers } = body;
  if (!answers) return null;
  const fault = (field: string, reason: string) => fieldProblem("invalid_request", field, reason);
  if (answers.length !== count) throw fault("answers", "must have one entry for each text");
  return answers.map((answer, at) => {
    if (answer === null) return null;
    const label = options.find(
      (option) => option.label.toLowerCase() === answer.toLowerCase(),
    )?.label;
    if (label === undefined)
      throw fault(`answers[${at}]`, "must be the label of an option, or null");
    return label;
  });
}

/** The texts with their scores, in their order; or the response that is given again. Throws `Problem`. */
async function scoreTexts(
  c: Context<AppEnv>,
  { adapter, pin }: AdapterChoice,
  question: Question,
  texts: readonly Omit<ScoredText, "score">[],
): Promise<{ scored: ScoredText[]; scoring: Scoring } | Response> {
  const { rollouts, startSpan } = c.get("parts");
  const rollout = rollouts.get(adapter);
  if (rollout === undefined) throw new Error("an adapter that was read is not there");
  const { tenant } = c.get("caller");
  const requestId = c.get("requestId");
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
  const source = rollout.source({ tenant, requestId }, pin);
  const meter = c.get("meter");
  const admission = meter.open(
    estimateOf({
      candidates: texts.length,
      promptChars: null,
      adapter: source.current()?.ranker.manifest ?? null,
    }),
  );
  let scoring: Scoring | null = null;
  let ending: Ending = "failed";
  try {
    // While the ledger is asked, the query is encoded.
    const context = { tenant, signal: c.get("signal"), waitUntil, startSpan };
    scoring = new Scoring(source, { question, questionField: "query" }, context);
    const admitted = await admission;
    if (admitted.kind === "replay") return admitted.response;
    const scored = await scoreAll(scoring, question.options, texts);
    ending = "succeeded";
    return { scored, scoring };
  } finally {
    scoring?.close();
    meter.close(ending, { ...NOTHING, ...(scoring === null ? {} : spentOf(scoring)) });
    if (scoring?.adapter) {
      const { channel: servedBy, version } = scoring.adapter;
      const failed = scoring.state.kind === "degraded";
      rollout.scored({ requestId, servedBy, version }, failed, waitUntil);
    }
  }
}

async function scoreAll(
  scoring: Scoring,
  options: readonly Option[],
  texts: readonly Omit<ScoredText, "score">[],
): Promise<ScoredText[]> {
  const asked = texts.map((one) => ({
    ...one,
    option: options.find(({ label }) => label === one.answer) ?? null,
    said: withoutThinking(one.text).text,
  }));
  await scoring.opened();
  for (const { option, said } of asked) scoring.begin(option, said);
  const scored: ScoredText[] = [];
  for (const { option, said, ...one } of asked) {
    const score = await scoring.score(option, said);
    if (score === null) throw new Problem("adapter_unavailable");
    scored.push({ ...one, score });
  }
  return scored;
}

function teiBody(body: TeiBody, ranked: readonly ScoredText[]) {
  return ranked.map(({ index, score, text }) => ({
    index,
    score: body.raw_scores === true ? score.logit : score.probability,
    ...(body.return_text === true ? { text } : {}),
  }));
}

function cohereBody(
  c: Context<AppEnv>,
  body: CohereBody,
  ranked: readonly ScoredText[],
  scoring: Scoring,
  task: string,
) {
  const results = ranked
    .slice(0, body.top_n ?? ranked.length)
    .map(({ index, score, answer, text }) => ({
      index,
      relevance_score: score.probability,
      score: score.logit,
      answer,
      truncated: score.truncated,
      ...(body.return_documents === true ? { document: { text } } : {}),
    }));
  const adapter = scoring.adapter ?? { name: "", version: "", channel: "stable" as const };
  return {
    id: c.get("requestId"),
    results,
    meta: { api_version: { version: "2" }, billed_units: { search_units: 1 } },
    medadapter: {
      adapter,
      task,
      truncated: scoring.truncated,
      notice: c.get("parts").config.notice,
    },
  };
}
