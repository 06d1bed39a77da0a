/** Something that can be timed: an engine in workerd, or a native process. */
import type { Job, Mode } from "./rows.ts";

export interface Measured {
  readonly ms: number;
  readonly heapMB: number;
}

/** Milliseconds of a cold start, in the order in which they pass. */
export interface ColdStart {
  /** Bundle from R2, sizes and SHA-256 checked. */
  readonly readMs: number;
  readonly sessionMs: number;
  /** First prefix and first candidate, of the size that the targets are set for. */
  readonly firstScoreMs: number;
  readonly heapMB: number;
}

export interface Subject {
  /** As it stands in the rows. */
  readonly engine: string;
  /** What it can do. */
  readonly modes: readonly Mode[];
  measure(job: Job): Promise<Measured>;
  /** Of each fresh start; empty for what is not a Worker. */
  readonly coldStarts: readonly ColdStart[];
  /** Megabytes with as many prefixes held as admission lets in; null for what is not a Worker. */
  fullHouse(): Promise<number | null>;
  stop(): Promise<void>;
}
