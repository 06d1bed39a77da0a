/** A `TextScorer` over any /rerank server. Its URL comes from the deployment; no caller and no bundle can choose it. */
import { readUpTo } from "../../net/readUpTo.ts";
import { retryAfterSeconds } from "../../net/retryAfter.ts";
import { fail, ok, type Result } from "../result.ts";
import { failureOfStatus, mayPass, type RemoteFailure } from "./failure.ts";
import { type RerankForm, wireForms } from "./forms.ts";
import { parseJson } from "./json.ts";
import { readScores } from "./scores.ts";
import type { PairTexts, RemoteScores, TextScorer } from "./textScorer.ts";
import { type Attempt, withRetries } from "./withRetries.ts";

export interface HttpScorerOptions {
  /** What is posted to, path included, e.g. `https://rerank.example/rerank`. */
  readonly url: string;
  readonly form: RerankForm;
  /** Sent in forms that name a model; null: none is. */
  readonly model: string | null;
  /** Sent as a bearer token; null: none is. */
  readonly apiKey: string | null;
  /** Milliseconds for one call, retries and waits included. */
  readonly timeoutMs: number;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** vLLM repeats the texts in its answer: 32 of them, every character escaped, fit. */
export const MAX_ANSWER_BYTES = 2 * 1024 * 1024;

type Outcome = Result<RemoteScores, RemoteFailure>;

export function httpScorer(options: HttpScorerOptions): TextScorer {
  const { url, apiKey, timeoutMs } = options;
  // Called as a plain function: workerd refuses a fetch that is bound to an object.
  const send = options.fetch ?? ((to, init) => fetch(to, init));
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
        const response = await send(url, init).catch(() => null);
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
