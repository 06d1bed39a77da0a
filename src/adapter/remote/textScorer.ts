/**
 * The port to a remote engine: it gets texts, where the built-in engines get token ids. Here are the port, its failures,
 * and the manifest's field that names such an engine.
 */
import { z } from "zod";
import type { Result } from "../result.ts";

/** One question and the texts to be scored with it. */
export interface PairTexts {
  readonly query: string;
  readonly texts: readonly string[];
}

export interface RemoteScores {
  /** Raw scores, one for each text, in the order of the texts. */
  readonly logits: readonly number[];
  /** Tokens that the server says it read; 0 where it says nothing. */
  readonly tokens: number;
}

export interface TextScorer {
  /** Never rejects. Ends soon after the signal fires, with any failure. */
  score(pairs: PairTexts, signal: AbortSignal): Promise<Result<RemoteScores, RemoteFailure>>;
}

/**
 * Why a remote engine gave no scores. Names only: no text of the server or of the question is in a failure. All of
 * them may pass, so none is a fault of the bundle.
 *
 * - `unconfigured`: the manifest names an engine that this deployment has not set up.
 * - `unreachable`: no connection. `timeout`: no whole answer in time.
 * - `unauthorized`: 401 or 403. `rate_limited`: 429. `server_error`: 5xx. `refused`: any other 4xx.
 * - `redirected`: 3xx. It is not followed: that would send the texts, and the key, to a host that nobody configured.
 * - `cut`: the answer broke off. `too_large`: it exceeded its limit.
 * - `malformed`: not JSON, not of the form, or not one score for each text.
 * - `not_finite`: a score that is no finite number.
 */
const remoteFailureKinds = [
  "remote_unconfigured",
  "remote_unreachable",
  "remote_timeout",
  "remote_unauthorized",
  "remote_rate_limited",
  "remote_server_error",
  "remote_refused",
  "remote_redirected",
  "remote_cut",
  "remote_too_large",
  "remote_malformed",
  "remote_not_finite",
] as const;

export interface RemoteFailure {
  readonly kind: (typeof remoteFailureKinds)[number];
}

/** The failure that a response's status means; null: success. */
export function failureOfStatus(status: number): RemoteFailure | null {
  if (status >= 200 && status < 300) return null;
  // A runtime that hides redirects reports status 0.
  if (status === 0 || (status >= 300 && status < 400)) return { kind: "remote_redirected" };
  if (status === 401 || status === 403) return { kind: "remote_unauthorized" };
  if (status === 408) return { kind: "remote_timeout" };
  if (status === 429) return { kind: "remote_rate_limited" };
  return { kind: status >= 500 ? "remote_server_error" : "remote_refused" };
}

/** Whether another try may help. */
export function mayPass({ kind }: RemoteFailure): boolean {
  return kind === "remote_rate_limited" || kind === "remote_server_error";
}

export function isRemoteFailure(failure: { readonly kind: string }): failure is RemoteFailure {
  return remoteFailureKinds.some((kind) => kind === failure.kind);
}

/**
 * The manifest's field `engine`, read as strictly as the rest of it: an engine outside of the isolate: `http`, a /rerank server whose URL the deployment knows, or a reranker of Workers
 * AI. Absent: the engines built in, on the bundle's own files.
 */
export const remoteEngine = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("http"),
    /** The server's name of the model; absent: it has only one. */
    model: z.string().min(1).max(200).optional(),
  }),
  z.strictObject({
    kind: z.literal("workers-ai"),
    model: z.string().regex(/^@[a-z]+\/[\w.-]+\/[\w.-]+$/),
    /** What its scores are. */
    scores: z.enum(["logits", "probabilities"]),
  }),
]);

export type RemoteEngine = z.infer<typeof remoteEngine>;
