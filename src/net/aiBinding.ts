/**
 * The part of Cloudflare's Workers AI binding that we use, and its answers as plain HTTP responses. Core code sees this
 * interface and needs no Cloudflare types; `env.AI` fits it.
 */
import { readUpTo } from "./response.ts";

/** An AI Gateway in front of the models. By default it would log every prompt, and might answer from its cache. */
export interface AiGatewayOptions {
  readonly id: string;
  readonly collectLog: false;
  /** K equal prompts must give K candidates, not one candidate K times. */
  readonly skipCache: true;
}

export interface AiRunOptions {
  /** Gives the model's HTTP response as it is, whatever its status. */
  readonly returnRawResponse: true;
  readonly signal: AbortSignal;
  readonly gateway?: AiGatewayOptions;
}

export interface AiBinding {
  run(
    model: string,
    inputs: Readonly<Record<string, unknown>>,
    options: AiRunOptions,
  ): Promise<unknown>;
}

/** The options of calls through the gateway of this name; null: calls go straight to the models. */
export function aiGateway(id: string | null): AiGatewayOptions | null {
  return id === null ? null : { id, collectLog: false, skipCache: true };
}

const MAX_ERROR_BYTES = 16 * 1024;

/**
 * Runs a model. A refusal becomes a response without a body, with the status from Cloudflare's table of error codes, and
 * with `x-should-retry: false` where the day's allocation is used up: no retry helps then.
 * Rejects when the signal fires, even if the binding goes on, and when the binding cannot be reached.
 */
export async function runModel(
  ai: AiBinding,
  model: string,
  inputs: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
  gateway: AiGatewayOptions | null,
): Promise<Response> {
  const options: AiRunOptions = {
    returnRawResponse: true,
    signal,
    ...(gateway === null ? {} : { gateway }),
  };
  const left = Promise.withResolvers<never>();
  const leave = () => left.reject(new DOMException("aborted", "AbortError"));
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  try {
    const answer = await Promise.race([left.promise, ai.run(model, inputs, options)]);
    const response = endingWith(signal, asResponse(answer));
    if (response.ok) return response;
    const { text } = await readUpTo(response.body, MAX_ERROR_BYTES);
    return refusal(aiErrorCode(text), response.status);
  } catch (error) {
    // Without `returnRawResponse` (older runtimes) a refusal is thrown: "3040: No more data centers ...".
    const code = error instanceof Error && !signal.aborted ? aiErrorCode(error.message) : null;
    if (code === null) throw error;
    return refusal(code, null);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

function refusal(code: number | null, status: number | null): Response {
  const quota = code !== null && isQuota(code);
  const headers = quota ? { "x-should-retry": "false" } : {};
  const fitting = (code === null ? null : aiErrorStatus(code)) ?? status ?? 502;
  return Response.json({ error: { code } }, { status: fitting, headers });
}

/** The same response with a body that ends with the signal, even if the binding ignores it. */
function endingWith(signal: AbortSignal, response: Response): Response {
  const body = response.body?.pipeThrough(new TransformStream<Uint8Array, Uint8Array>(), {
    signal,
  });
  return body === undefined ? response : new Response(body, response);
}

/** Some models answer with a plain value, although a response was asked for. */
function asResponse(answer: unknown): Response {
  if (answer instanceof Response) return answer;
  if (answer instanceof ReadableStream) {
    return new Response(answer, { headers: { "content-type": "text/event-stream" } });
  }
  return Response.json(answer);
}

/** By error code (https://developers.cloudflare.com/workers-ai/platform/errors/, looked up 2026-11). */
const STATUS: ReadonlyMap<number, number> = new Map([
  [3003, 400], // incomplete request
  [3006, 413], // too large
  [3007, 408], // timeout
  [3008, 408], // aborted
  [3023, 403], // account blocked
  [3036, 429], // the day's allocation is used up
  [3040, 429], // out of capacity
  [3041, 403], // private model
  [3042, 404], // no such model
  [4006, 429], // the same as 3036; not in the table, but what accounts are really told
  [5004, 400], // invalid data
  [5005, 405],
  [5007, 400], // no such model or task
  [5016, 403], // terms not agreed to
  [5018, 403], // private model
  [5019, 405],
]);

/** The code in an error's text: `internalCode` or `code` of its JSON, or its first word, as in "3040: ...". */
function aiErrorCode(text: string): number | null {
  const found =
    /"(?:internalCode|code)"\s*:\s*(\d{4})\b/u.exec(text) ?? /^\s*(?:\w+: )?(\d{4}):/u.exec(text);
  return found?.[1] === undefined ? null : Number(found[1]);
}

/** The HTTP status that belongs to a code; null for one that is not known. */
function aiErrorStatus(code: number): number | null {
  return STATUS.get(code) ?? null;
}

/** The quota is used up: only the next day, or another plan, helps. */
function isQuota(code: number): boolean {
  return code === 3036 || code === 4006;
}
