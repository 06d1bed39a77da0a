/** A package that this repository depends on, as its own metadata describes it. */
export interface Dependency {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, or what stands in its place; null where the metadata says nothing. */
  readonly licence: string | null;
  /** `worker`: in what is deployed. `tools`: for development and tests. `training`: Python. */
  readonly use: "worker" | "tools" | "training";
}
