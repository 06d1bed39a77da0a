/** From a server's list of scores to one logit a text, or what is wrong with it. */
import { fail, ok, type Result } from "../result.ts";
import type { RemoteFailure } from "./failure.ts";

/** What a server's scores are: the model's raw output, or its sigmoid. */
export type ScoreScale = "logits" | "probabilities";

/** One entry of a server's answer, unchecked. */
export interface WireScore {
  readonly index: unknown;
  readonly score: unknown;
}

/** float32, in which servers compute, knows no probability between 1 and this much less. */
const LEAST_DISTANCE = 1e-7;

/** The inverse of the sigmoid, kept within about +-16. */
export function logitOfProbability(probability: number): number {
  const p = Math.min(1 - LEAST_DISTANCE, Math.max(LEAST_DISTANCE, probability));
  return Math.log(p / (1 - p));
}

/** Logits in the order of the texts. Every text must have its score, once. */
export function readScores(
  entries: readonly WireScore[],
  count: number,
  scale: ScoreScale,
): Result<readonly number[], RemoteFailure> {
  const logits = new Map<number, number>();
  for (const { index, score } of entries) {
    // Rust's serde writes NaN as null.
    if (score === null) return fail({ kind: "remote_not_finite" });
    if (typeof score !== "number" || !isIndex(index, count) || logits.has(index)) {
      return fail({ kind: "remote_malformed" });
    }
    if (!Number.isFinite(score)) return fail({ kind: "remote_not_finite" });
    if (scale === "logits") logits.set(index, score);
    else if (score < 0 || score > 1) return fail({ kind: "remote_malformed" });
    else logits.set(index, logitOfProbability(score));
  }
  if (logits.size !== count) return fail({ kind: "remote_malformed" });
  return ok(Array.from({ length: count }, (_, at) => logits.get(at) ?? Number.NaN));
}

function isIndex(value: unknown, count: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < count;
}
