/** What is measured: five ways of work at a few sizes. */
import type { Spread } from "./spread.ts";

/**
 * - `prefix`: encoding a question of `prefixTokens`.
 * - `candidate`: scoring one candidate of `candidateTokens` on it.
 * - `cross`: one candidate the cross-encoder's way, question and candidate encoded together.
 * - `ranking`: the prefix once and all `k` candidates. `cross-ranking`: `k` times `cross`.
 */
export const modes = ["prefix", "candidate", "cross", "ranking", "cross-ranking"] as const;
export type Mode = (typeof modes)[number];

export interface Size {
  readonly prefixTokens: number;
  readonly candidateTokens: number;
  readonly k: number;
}

export interface Job extends Size {
  readonly mode: Mode;
}

export interface Row extends Job {
  readonly engine: string;
  readonly adapter: string;
  readonly ms: Spread;
  /** What the engine holds at the job's end: heap, keys and values. For a native process its resident memory. */
  readonly heapMB: number;
}

/** The size that the targets are set for: a question with an abstract. */
export const targetSize: Size = { prefixTokens: 330, candidateTokens: 120, k: 8 };

/**
 * A short question, a lettered one without context, one with an abstract, the largest that fits. In
 * this order each finds the heap as the smaller ones left it, so a row's heap is what its size needs.
 */
export const sizes: readonly Size[] = [
  { prefixTokens: 60, candidateTokens: 60, k: 5 },
  { prefixTokens: 128, candidateTokens: 120, k: 8 },
  targetSize,
  { prefixTokens: 384, candidateTokens: 128, k: 8 },
];

/** How cost grows from the target size: with the number of candidates, their length, the question's length. */
export const sweepSizes: readonly Size[] = [
  ...[1, 2, 4, 8, 16, 32].map((k) => ({ ...targetSize, k })),
  ...[16, 32, 64, 96, 128].map((candidateTokens) => ({ ...targetSize, candidateTokens, k: 8 })),
  ...[32, 64, 128, 256, 384].map((prefixTokens) => ({ ...targetSize, prefixTokens, k: 8 })),
];

/** Whether a job needs the cross-encoder's form. */
export function isCross(mode: Mode): boolean {
  return mode === "cross" || mode === "cross-ranking";
}

/** Made-up token ids, spread over the vocabulary (at most 30,000 are used). */
export function tokenIds(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => 1000 + ((i * 7919 + seed * 104729) % 28000));
}
