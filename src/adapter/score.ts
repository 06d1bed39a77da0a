/** What the adapter says of one candidate, in numbers that cannot be taken for each other. */

declare const logit: unique symbol;
declare const probability: unique symbol;

/** The adapter's raw output; higher means more likely right. */
export type Logit = number & { readonly [logit]: true };
/** In 0..1. */
export type Probability = number & { readonly [probability]: true };

export interface Score {
  readonly logit: Logit;
  /** Calibrated where the manifest says how, otherwise sigmoid(logit). */
  readonly probability: Probability;
  /** The candidate was over budget and its text was cut in the middle. */
  readonly truncated: boolean;
  /** Tokens of the candidate that the encoder read. */
  readonly tokens: number;
}

/** 1 / (1 + exp(-x)), without overflow for large negative x. */
export function sigmoid(x: number): Probability {
  if (x >= 0) return (1 / (1 + Math.exp(-x))) as Probability;
  const e = Math.exp(x);
  return (e / (1 + e)) as Probability;
}

/** Probability that a candidate is right, by Platt scaling where fitted: sigmoid(a * logit + b). */
export function probabilityOf(
  raw: number,
  calibration: { readonly a: number; readonly b: number } | null,
): Probability {
  return sigmoid(calibration === null ? raw : calibration.a * raw + calibration.b);
}
