/** What every part of the bench is given. */
import type { Part } from "./options.ts";

export interface Setting {
  readonly root: string;
  /** Absolute path of the bundle that is measured. */
  readonly bundle: string;
  /** An empty folder for local R2 and other files; gone at the end. */
  readonly persistTo: string;
  /** Has onnxruntime and torch. */
  readonly python: string;
  readonly parts: readonly Part[];
  readonly engines: readonly string[] | null;
  readonly repetitions: number;
  /** How long the part `load` lasts. */
  readonly minutes: number;
}
