/**
 * Sends one POST to an endpoint, and again where a fault may pass. A misbehaving endpoint costs no more than a failed
 * call: redirects are not followed (that would send the prompt, and the key, to a host that nobody configured), error
 * bodies are limited, and a wait that the deadline does not allow is not begun.
 */
import { parseJson, readUpTo, retryAfterSeconds } from "../../net/response.ts";
import { type Gate, pause } from "../../net/sharedWork.ts";
import { type CallFailure, errorOf, failureOf, type ReportedError } from "./failure.ts";
import type { Scope } from "./scope.ts";

export type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Where and how to call. */
export interface Endpoint {
  readonly baseUrl: string;
  /** null: no Authorization header is sent. */
  readonly apiKey: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: Fetch;
  /** Tries after the first: after connection faults, 408, 409, 429 and 5xx. */
  readonly maxRetries: number;
  /** Bounds the calls at once, over all requests of the isolate; null: no bound. */
  readonly gate: Gate | null;
}

/** The response that began well, or why there is none. */
export type Sent = { readonly requests: number } & (
  | { readonly response: Response; readonly failure: null }
  | { readonly response: null; readonly failure: CallFailure; readonly error: ReportedError | null }
);

const MAX_ERROR_BYTES = 64 * 1024;
/** For a longer wait the client gets `Retry-After`. */
const MAX_RETRY_WAIT_MS = 5_000;
/** The wait before the second try where the provider names no time; it doubles. */
const FIRST_RETRY_WAIT_MS = 500;
const LONGEST_OWN_WAIT_MS = 4_000;

/** Never throws. @param clientRequestId the call's name at the provider, for its support and for the replay */
export async function send(
  endpoint: Endpoint,
  body: object,
  clientRequestId: string,
  scope: Scope,
): Promise<Sent> {
  for (let requests = 1; ; requests += 1) {
    const tried = await post(endpoint, body, clientRequestId, scope);
    if (tried.failure === null) return { requests, ...tried };
    const waitMs = requests > endpoint.maxRetries ? null : retryWait(tried, requests);
    if (waitMs === null || waitMs > scope.remainingMs() || scope.signal.aborted) {
      return { requests, ...tried };
    }
    await pause(waitMs, scope.signal);
  }
}

type Tried =
  | { readonly response: Response; readonly failure: null }
  | {
      readonly response: null;
      readonly failure: CallFailure;
      readonly error: ReportedError | null;
      /** The provider's own word on another try. */
      readonly shouldRetry: boolean | null;
    };

async function post(
  { baseUrl, apiKey, headers, fetch }: Endpoint,
  body: object,
  clientRequestId: string,
  { signal }: Scope,
): Promise<Tried> {
  let response: Response;
  try {
    response = await fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "text/event-stream, application/json",
        ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
        "x-client-request-id": clientRequestId,
        ...headers,
      },
      body: JSON.stringify(body),
      redirect: "manual",
      signal,
    });
  } catch {
    const failure: CallFailure = { reason: "refused_connection" };
    return { response: null, failure, error: null, shouldRetry: null };
  }
  if (response.ok) return { response, failure: null };
  // The body of a broken connection may break off: what came of it is enough.
  const read = await readUpTo(response.body, MAX_ERROR_BYTES).catch(() => null);
  const error = errorOf(parseJson(read?.text ?? "") ?? read?.text ?? "");
  const wait = retryAfterSeconds(response.headers);
  const failure = failureOf(response.status, error, wait);
  const told = response.headers.get("x-should-retry");
  const shouldRetry = told === "true" ? true : told === "false" ? false : null;
  return { response: null, failure, error, shouldRetry };
}

/** Milliseconds until the next try; null: there is to be none. */
function retryWait(
  { failure, shouldRetry }: Exclude<Tried, { failure: null }>,
  tries: number,
): number | null {
  const { reason, status, retryAfterSeconds: told } = failure;
  const passes =
    reason === "refused_connection" ||
    (reason !== "quota" &&
      status !== undefined &&
      (status === 408 || status === 409 || status === 429 || status >= 500));
  if (!(shouldRetry ?? passes)) return null;
  const own = Math.min(LONGEST_OWN_WAIT_MS, FIRST_RETRY_WAIT_MS * 2 ** (tries - 1));
  // Isolates that failed together do not come back together.
  const waitMs = told === undefined ? own * (0.75 + Math.random() / 4) : told * 1000;
  return waitMs > MAX_RETRY_WAIT_MS ? null : waitMs;
}
