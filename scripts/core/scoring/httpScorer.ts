/**
 * Scores through `POST /v1/rerank` of a running service: the one route that takes candidates with the answers that
 * they already have. `/v1/answer` would have an LLM write them anew.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { CoreFault } from "../fault.ts";
import type { QuestionScores, ScoreJob, Scorer } from "./scorer.ts";

export interface HttpScorerOptions {
  readonly url: string;
  readonly apiKey: string | null;
  /** The adapter whose manifest the answers are chosen by: the service must score with the same. */
  readonly adapter: string;
  readonly version: string;
}

const TRIES = 8;
const PARALLEL = 2;
const replySchema = z.object({
  results: z.array(z.object({ index: z.int(), score: z.number(), truncated: z.boolean() })),
  medadapter: z.object({ adapter: z.object({ name: z.string(), version: z.string() }) }),
});
/** What the service says of a question that it will never take. */
const refusals = new Set(["question_too_long", "invalid_request", "body_too_large"]);

export function httpScorer(options: HttpScorerOptions): Scorer {
  return { parallel: PARALLEL, score: (job) => score(options, job), close: async () => {} };
}

async function score(options: HttpScorerOptions, job: ScoreJob): Promise<QuestionScores> {
  const { question, candidates } = job;
  // Answers alone are scored in the same call, each once.
  const distinct = [...new Set(candidates.map(({ answer }) => answer))];
  const answers = [...candidates.map(({ answer }) => answer), ...distinct];
  const body = {
    query: question.question,
    documents: [...candidates.map(({ text }) => text), ...distinct.map(() => "")],
    adapter: `${options.adapter}@${options.version}`,
    // As in Node: a question that is too long is not scored.
    truncation: false,
    ...(question.options.length === 0 ? {} : { options: question.options, answers }),
    ...(question.context === null ? {} : { context: question.context }),
    ...(question.evidence === undefined ? {} : { evidence: question.evidence }),
  };
  const reply = await ask(options, JSON.stringify(body));
  if ("refused" in reply) return { kind: "unscored", reason: reply.refused };
  const byIndex = new Map(reply.results.map((one) => [one.index, one]));
  const logits = answers.map((_, at) => {
    const logit = byIndex.get(at)?.score;
    if (logit === undefined)
      throw new CoreFault("service_refused", "the service left a text unscored");
    return logit;
  });
  const bareOf = new Map(distinct.map((answer, at) => [answer, logits[candidates.length + at]]));
  return {
    kind: "scored",
    logits: logits.slice(0, candidates.length),
    bare: candidates.map(({ answer }) => bareOf.get(answer) ?? Number.NaN),
    truncated: candidates.map((_, at) => byIndex.get(at)?.truncated ?? false),
  };
}

async function ask({ url, apiKey, adapter, version }: HttpScorerOptions, body: string) {
  const headers = {
    "content-type": "application/json",
    ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  for (let tries = 1; ; tries += 1) {
    const request = { method: "POST", headers, body };
    const response = await fetch(`${url}/v1/rerank`, request).catch(() => null);
    if (response?.ok) {
      const reply = replySchema.parse(await response.json());
      const served = reply.medadapter.adapter;
      if (served.name === adapter && served.version === version) return reply;
      throw new CoreFault(
        "service_refused",
        `the service scores with ${served.name}@${served.version}`,
      );
    }
    const problem = z
      .object({ code: z.string() })
      .safeParse(await response?.json().catch(() => null));
    const code = problem.data?.code ?? (response === null ? "unreachable" : "unknown");
    const status = response?.status ?? 503;
    if (refusals.has(code)) return { refused: code };
    const passing = status === 429 || status >= 500;
    if (!passing || tries === TRIES) {
      throw new CoreFault(
        "service_refused",
        `the service refused: ${status} ${code}, after ${tries} tries`,
      );
    }
    await sleep(1000 * Number(response?.headers.get("retry-after") ?? Math.min(tries, 10)));
  }
}
