/**
 * `POST /v1/rerank`, `/v2/rerank` and `/rerank`: scores texts that someone else wrote. One route at the paths that the
 * clients of Cohere (V1, V2), Jina, Voyage and Text Embeddings Inference ask; the body says which form the answer has.
 */
import { createRoute, type RouteHandler } from "@hono/zod-openapi";
import type { Context } from "hono";
import { answerReader } from "../../tasks/parse.ts";
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
import { cohereBody, type ScoredText, teiBody } from "./body.ts";
import { cutMiddle, type GivenText, textsOf } from "./documents.ts";
import { type RerankBody, RerankRequest, RerankResponse } from "./schema.ts";
import { readWeighing, weigh } from "./weighing.ts";

const describe = (path: string, summary: string) =>
  createRoute({
    method: "post",
    path,
    tags: ["Answers"],
    summary,
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

export const rerankRoutes = [
  describe(
    "/v1/rerank",
    "Score texts that someone else wrote (Cohere's, Jina's, Voyage's and TEI's forms)",
  ),
  describe("/v2/rerank", "The same, where Cohere's V2 clients ask"),
  describe("/rerank", "The same, where TEI's clients ask"),
];

const fields = {
  task: "task",
  options: "options",
  context: "context",
  evidence: "evidence",
};

/** A text and its place; its answer is read when it is scored. */
interface TextToScore extends GivenText {
  readonly index: number;
}

type AnswerOf = (text: TextToScore) => string | null;

export const postRerank: RouteHandler<(typeof rerankRoutes)[number], AppEnv> = async (c) => {
  const body = c.req.valid("json");
  const texts = textsOf(body).map((one, index) => ({ ...one, index }));
  // Voyage's wish: refuse a query that is too long.
  const mayCut = !("documents" in body && body.truncation === false);
  const query = cutMiddle(body.query);
  if (query.cut && !mayCut) throw fieldProblem("question_too_long", "query");
  const { adapter, pin } = await readWanted(c, body);
  const given = toQuestion({ ...body, question: query.text });
  // No LLM is asked: evidence is context like any other.
  const asked = isEvidenceUnseen(given)
    ? { question: given.question, options: given.options, context: readByAdapter(given) }
    : given;
  const { task, question } = readTaskAndQuestion(body.task, asked, fields);
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
  const weighing = await readWeighing(body, question.options, c.get("parts"), waitUntil);
  const answers = readAnswers(body, texts.length, question.options);
  const read = answerReader(task, question.options);
  const answerOf: AnswerOf = ({ text, index }) =>
    answers ? (answers[index] ?? null) : read(text).label;
  const answered = await scoreTexts(c, { adapter, pin }, { question, mayCut }, texts, answerOf);
  // It has the form of the first answer, which its type does not tell.
  if (answered instanceof Response) return answered as never;
  const { scored, scoring } = answered;
  const byScore = scored.sort((a, b) => b.score.logit - a.score.logit || a.index - b.index);
  const weighed = weighing && weigh(weighing, byScore, question.options, task.id, scoring.adapter);
  const ranked = weighed?.ranked ?? byScore;
  Object.assign(c.get("figures"), scoringLog(scoring));
  if ("texts" in body) return c.json(teiBody(body, ranked), 200);
  const { notice } = c.get("parts").config;
  const plan = weighed?.plan ?? null;
  const parts = { id: c.get("requestId"), task: task.id, notice, queryCut: query.cut, plan };
  return c.json(cohereBody(body, ranked, scoring, parts), 200);
};

/** The adapter: `model`, or `adapter`; where both are given the version that either pins. */
async function readWanted(c: Context<AppEnv>, body: RerankBody): Promise<AdapterChoice> {
  const parts = c.get("parts");
  const { adapter: usual } = parts.config;
  const caller = c.get("caller");
  const named = await readAdapter(body.adapter, "adapter", parts, caller, usual);
  const asModel = await readAdapter(body.model, "model", parts, caller, named.adapter);
  return { adapter: asModel.adapter, pin: asModel.pin ?? named.pin };
}

/** The caller's own labels for the texts, checked. */
function readAnswers(body: RerankBody, count: number, options: readonly Option[]) {
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
  { question, mayCut }: { readonly question: Question; readonly mayCut: boolean },
  texts: readonly TextToScore[],
  answerOf: AnswerOf,
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
      promptChars: 0,
      calls: [],
      adapter: source.current()?.ranker.manifest ?? null,
    }),
  );
  let scoring: Scoring | null = null;
  let ending: Ending = "failed";
  try {
    // While the ledger is asked, the query is encoded.
    const context = { tenant, signal: c.get("signal"), waitUntil, startSpan };
    // Where the query may be cut, only the options can be too long.
    const questionField = mayCut ? "options" : "query";
    scoring = new Scoring(source, { question, questionField, mayCut }, context);
    const admitted = await admission;
    if (admitted.kind === "replay") return admitted.response;
    const scored = await scoreAll(scoring, question.options, texts, answerOf);
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

/** No text is read before the adapter has let the question in. */
async function scoreAll(
  scoring: Scoring,
  options: readonly Option[],
  texts: readonly TextToScore[],
  answerOf: AnswerOf,
): Promise<ScoredText[]> {
  await scoring.opened();
  if (scoring.state.kind !== "open") throw new Problem("adapter_unavailable");
  const asked = texts.map((one) => {
    const answer = answerOf(one);
    const option = options.find(({ label }) => label === answer) ?? null;
    return { ...one, answer, option, said: withoutThinking(one.text).text };
  });
  for (const { option, said } of asked) scoring.begin(option, said);
  const scored: ScoredText[] = [];
  for (const { option, said, index, text, answer, cut } of asked) {
    const score = await scoring.score(option, said);
    if (score === null) throw new Problem("adapter_unavailable");
    scored.push({ index, text, answer, score, truncated: cut || score.truncated });
  }
  return scored;
}
