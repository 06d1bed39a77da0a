/** What a suite needs of the runtime it runs in, so that one body of tests serves Node and workerd. */
import type { BundleFiles } from "../../../src/adapter/bundle.ts";
import type { StartEngine } from "../../../src/adapter/load.ts";

export interface Surroundings {
  /** The shipped bundle. */
  readonly bundle: BundleFiles;
  /** Text of a file in test/fixtures. */
  fixture(name: string): Promise<string>;
  readonly startEngine: StartEngine;
}
