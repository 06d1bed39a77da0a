/** A remote ranker that has proved itself: the manifest's self-test vectors, as texts, through the very engine. */
import type { LoadFailure } from "../load.ts";
import type { Manifest, SelfTestVector } from "../manifest.ts";
import type { Ranker } from "../ranker.ts";
import { fail, ok, type Result } from "../result.ts";
import type { RemoteFailure } from "./failure.ts";
import { candidateText, questionText } from "./pairText.ts";
import { RemoteRanker } from "./remoteRanker.ts";
import type { TextScorer } from "./textScorer.ts";

const never = new AbortController().signal;

/** Asks once for each vector. Never rejects. */
export async function loadRemoteRanker(
  manifest: Manifest,
  scorer: TextScorer,
): Promise<Result<Ranker, LoadFailure>> {
  const { vectors, tolerance } = manifest.selfTest;
  for (const [number, vector] of vectors.entries()) {
    const logit = await logitOf(vector, manifest, scorer);
    if (!logit.ok) return logit;
    const off = logit.value === null || Math.abs(logit.value - vector.logit) > tolerance;
    if (off) return fail({ kind: "self_test_failed", vector: number });
  }
  return ok(new RemoteRanker(manifest, scorer));
}

async function logitOf(
  vector: SelfTestVector,
  manifest: Manifest,
  scorer: TextScorer,
): Promise<Result<number | null, RemoteFailure>> {
  const { options, text } = vector;
  const query = questionText(manifest, vector);
  if (!query.ok) return ok(null);
  const answer = options.find((option) => option.label === vector.answer) ?? null;
  const candidate = candidateText(manifest, options.length > 0, { answer, text });
  const pairs = { query: query.value.text, texts: [candidate.text] };
  const scores = await scorer.score(pairs, never);
  return scores.ok ? ok(scores.value.logits[0] ?? null) : scores;
}
