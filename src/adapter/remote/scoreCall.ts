/**
 * What every `TextScorer` does with one call: it tries again while the failure may pass and time is left, and it reads
 * the answer's list of scores into one logit a text.
 */
import { pause } from "../../net/sharedWork.ts";
import { fail, ok, type Result } from "../result.ts";
import type { RemoteFailure } from "./textScorer.ts";

export interface Attempt<Value> {
  readonly outcome: Result<Value, RemoteFailure>;
  /** Worth another try. */
  readonly again?: boolean;
  /** How long the server asks to wait. */
  readonly waitSeconds?: number | undefined;
}

const TRIES = 3;
const FIRST_WAIT_MS = 150;
/** The caller waits meanwhile. If a server asks for a longer wait, give up at once. */
const LONGEST_WAIT_MS = 2_000;

/**
 * @param attempt one try; it must end soon after its signal fires, and never rejects
 * @param caller ends everything
 * @param timeoutMs whole milliseconds for all tries and waits together; past them: `remote_timeout`
 */
export async function withRetries<Value>(
  attempt: (signal: AbortSignal) => Promise<Attempt<Value>>,
  caller: AbortSignal,
  timeoutMs: number,
): Promise<Result<Value, RemoteFailure>> {
  const endsAt = Date.now() + timeoutMs;
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([caller, deadline]);
  for (let tried = 1; ; tried += 1) {
    const { outcome, again = false, waitSeconds } = await attempt(signal);
    if (outcome.ok) return outcome;
    if (deadline.aborted) return fail({ kind: "remote_timeout" });
    const waitMs =
      waitSeconds === undefined ? FIRST_WAIT_MS * 2 ** (tried - 1) : waitSeconds * 1000;
    const most = Math.min(LONGEST_WAIT_MS, endsAt - Date.now());
    if (!again || tried === TRIES || waitMs > most || signal.aborted) return outcome;
    await pause(waitMs);
  }
}

/** What a server's scores are: the model's raw output, or its sigmoid. */
export type ScoreScale = "logits" | "probabilities";

/** One entry of a server's answer, unchecked. */
export interface WireScore {
  readonly index: unknown;
  readonly score: unknown;
}

/** Servers compute in float32, which has no probability between 1 and 1 minus this. */
const LEAST_DISTANCE = 1e-7;

/** The inverse of the sigmoid, limited to about +-16. */
function logitOfProbability(probability: number): number {
  const p = Math.min(1 - LEAST_DISTANCE, Math.max(LEAST_DISTANCE, probability));
  return Math.log(p / (1 - p));
}

/** Logits in the order of the texts. Every text must have exactly one score. */
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
