/** What a suite needs of the runtime it runs in, so that one body of tests serves Node and workerd. */
import type { BundleFiles } from "../../../src/adapter/bundle.ts";
import type { StartEngine } from "../../../src/adapter/load.ts";
import type { FileRole } from "../../../src/adapter/manifest.ts";

export interface Surroundings {
  /** Named in the tests' titles. */
  readonly engine: string;
  /** The shipped bundle. */
  readonly bundle: BundleFiles;
  /** Text of a file in test/fixtures. */
  fixture(name: string): Promise<string>;
  /** Text of a file in examples/recorded. */
  recorded(name: string): Promise<string>;
  readonly startEngine: StartEngine;
  /** Files of the bundle that have to be kept: the tokenizer's and the engine's. */
  readonly roles: readonly FileRole[];
}
