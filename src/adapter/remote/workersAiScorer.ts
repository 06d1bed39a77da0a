/**
 * A `TextScorer` over a reranker of Workers AI: `run(model, {query, contexts: [{text}], top_k})` answers
 * `{response: [{id, score}]}` (https://developers.cloudflare.com/workers-ai/models/bge-reranker-base/). It counts no
 * tokens. Whether its scores are logits or probabilities is not documented, so the manifest says which, and the self-test
 * proves it.
 */
import { type AiBinding, type AiGatewayOptions, runModel } from "../../net/aiBinding.ts";
import { fields, parseJson, readUpTo } from "../../net/response.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Attempt, readScores, type ScoreScale, withRetries } from "./scoreCall.ts";
import {
  failureOfStatus,
  mayPass,
  type PairTexts,
  type RemoteFailure,
  type RemoteScores,
  type TextScorer,
} from "./textScorer.ts";

export interface WorkersAiScorerOptions {
  readonly ai: AiBinding;
  /** e.g. `@cf/baai/bge-reranker-base`. */
  readonly model: string;
  readonly scale: ScoreScale;
  readonly gateway: AiGatewayOptions | null;
  /** Milliseconds for one call, retries and waits included. */
  readonly timeoutMs: number;
}

const MAX_ANSWER_BYTES = 64 * 1024;

export function workersAiScorer(options: WorkersAiScorerOptions): TextScorer {
  const { ai, model, gateway, timeoutMs } = options;
  return {
    score: (pairs, caller) => {
      const contexts = pairs.texts.map((text) => ({ text }));
      const inputs = { query: pairs.query, contexts, top_k: contexts.length };
      const attempt = async (signal: AbortSignal): Promise<Attempt<RemoteScores>> => {
        const response = await runModel(ai, model, inputs, signal, gateway).catch(() => null);
        if (response === null)
          return { outcome: fail({ kind: "remote_unreachable" }), again: true };
        const failure = failureOfStatus(response.status);
        if (failure === null) return { outcome: await read(response, pairs, options.scale) };
        const again = mayPass(failure) && response.headers.get("x-should-retry") !== "false";
        return { outcome: fail(failure), again };
      };
      return withRetries(attempt, caller, timeoutMs);
    },
  };
}

async function read(
  response: Response,
  pairs: PairTexts,
  scale: ScoreScale,
): Promise<Result<RemoteScores, RemoteFailure>> {
  const body = await readUpTo(response.body, MAX_ANSWER_BYTES).catch(() => null);
  if (body === null) return fail({ kind: "remote_cut" });
  if (!body.whole) return fail({ kind: "remote_too_large" });
  const scored = fields(parseJson(body.text))?.response;
  if (!Array.isArray(scored)) return fail({ kind: "remote_malformed" });
  const entries = scored.map((one) => ({ index: fields(one)?.id, score: fields(one)?.score }));
  const logits = readScores(entries, pairs.texts.length, scale);
  return logits.ok ? ok({ logits: logits.value, tokens: 0 }) : fail(logits.failure);
}
