/**
 * From verified bytes to a tested ranker: tokenizer, engine, then the manifest's own self-test vectors. A bundle whose
 * files are intact but wrong (another base model, a damaged export, an engine that computes otherwise) is found here,
 * before it answers anyone.
 */

import { pause } from "../net/sharedWork.ts";
import { admissionLimits } from "./admission.ts";
import {
  type Bundle,
  type BundleFailure,
  BundleFileError,
  BundleStoreError,
  contentOf,
  type Verified,
} from "./bundle.ts";
import { BundleRanker } from "./bundleRanker.ts";
import { type Engine, EngineError, type EngineFailureReason } from "./engine.ts";
import type { Manifest, SelfTestVector } from "./manifest.ts";
import type { Ranker } from "./ranker.ts";
import type { RemoteFailure } from "./remote/textScorer.ts";
import { fail, ok, type Result } from "./result.ts";
import { encodeCandidate, encodeQuestion } from "./template.ts";
import { readTokenizer, type TextTokenizer, type TokenizerFailure } from "./tokenizer.ts";

export type LoadFailure =
  | TokenizerFailure
  | { readonly kind: "engine_failed"; readonly reason: EngineFailureReason }
  /** Vector number `vector` (from 0) gave another logit than the manifest says. */
  | { readonly kind: "self_test_failed"; readonly vector: number }
  /** The remote engine that the manifest names could not be asked. */
  | RemoteFailure;

/**
 * Starts an engine on a bundle. The roles it needs were kept when the bundle was verified, or left unread where the
 * engine reads them itself. Rejects with `EngineError`, `BundleFileError` for a file that is not the manifest's, or
 * `BundleStoreError`.
 */
export type StartEngine = (bundle: Verified<Bundle>) => Promise<Engine>;

/** Tokenizer and engine of one bundle. Together they gave the manifest's self-test logits. */
export interface ProvenEncoder {
  readonly tokenizer: TextTokenizer;
  readonly engine: Engine;
}

/**
 * Loads a ranker. The bundle needs roles `tokenizer` and whatever `start` reads; its bytes are not
 * held afterwards. Never rejects for faults of the bundle, but with `BundleStoreError` for those of its store.
 */
export async function loadRanker(
  bundle: Verified<Bundle>,
  start: StartEngine,
): Promise<Result<Ranker, LoadFailure | BundleFailure>> {
  const encoder = await loadEncoder(bundle, start);
  if (!encoder.ok) return encoder;
  const { tokenizer, engine } = encoder.value;
  return ok(new BundleRanker(bundle.manifest, tokenizer, engine, admissionLimits));
}

/** Like `loadRanker`, without a ranker around tokenizer and engine. */
export async function loadEncoder(
  bundle: Verified<Bundle>,
  start: StartEngine,
): Promise<Result<ProvenEncoder, LoadFailure | BundleFailure>> {
  const { manifest } = bundle;
  const tokenizer = readTokenizer(contentOf(bundle, "tokenizer"), manifest.base.vocabulary);
  if (!tokenizer.ok) return tokenizer;
  let engine: Engine | null = null;
  try {
    engine = await start(bundle);
    const failed = await failedVector(manifest, tokenizer.value, engine);
    if (failed === null) return ok({ tokenizer: tokenizer.value, engine });
    await engine.close();
    return fail({ kind: "self_test_failed", vector: failed });
  } catch (error) {
    await engine?.close().catch(() => {});
    if (error instanceof BundleStoreError) throw error;
    if (error instanceof BundleFileError) return fail(error.failure);
    const reason = error instanceof EngineError ? error.reason : "trap";
    return fail({ kind: "engine_failed", reason });
  }
}

/** Number of the first vector whose logit is off by more than the tolerance, or null. */
async function failedVector(
  manifest: Manifest,
  tokenizer: TextTokenizer,
  engine: Engine,
): Promise<number | null> {
  const { vectors, tolerance } = manifest.selfTest;
  for (const [number, vector] of vectors.entries()) {
    // Other requests take a turn between two vectors.
    await pause(0);
    const logit = await logitOf(vector, manifest, tokenizer, engine);
    if (logit === null || Math.abs(logit - vector.logit) > tolerance) return number;
  }
  return null;
}

async function logitOf(
  vector: SelfTestVector,
  { budget, template }: Manifest,
  tokenizer: TextTokenizer,
  engine: Engine,
): Promise<number | null> {
  const { options, text } = vector;
  const question = encodeQuestion(tokenizer, budget, vector);
  if (!question.ok) return null;
  const answer = options.find((option) => option.label === vector.answer) ?? null;
  const candidate = { answer, text };
  const input = encodeCandidate(
    tokenizer,
    budget,
    template.noAnswer,
    options.length > 0,
    candidate,
  );
  const prefix = await engine.encodePrefix(question.value);
  try {
    return await engine.score(prefix, input);
  } finally {
    prefix.release();
  }
}
