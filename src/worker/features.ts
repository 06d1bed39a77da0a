/** The features that are built in, and what they bring together. To take one out, delete its folder and its lines here. */
import { CORE_SCOPES, type Scope } from "./access/caller.ts";
import type { AllScopes } from "./access/config.ts";
import { trial } from "./adapters/trial/feature.ts";
import { batches } from "./batches/feature.ts";
import type { Feature } from "./feature.ts";
import { feedback } from "./feedback/feature.ts";
import { problemTable } from "./http/problemTable.ts";

export const features: readonly Feature[] = [
  trial, // canary and shadow channels
  batches, // many questions in one file
  feedback, // how answers turned out
];

const featureScopes = features.flatMap(({ scopes = [] }) => scopes);

/** Every scope that a key or a token may have, and those that a caller on the own machine has without a key. */
export const allScopes: AllScopes = {
  known: [...CORE_SCOPES, ...featureScopes.map(({ name }): Scope => name)],
  open: [...CORE_SCOPES, ...featureScopes.filter(({ open }) => open).map(({ name }) => name)],
};

/** Every problem that a caller can get, with its status. */
export const allProblems: readonly { readonly kind: string; readonly status: number }[] = [
  ...Object.entries(problemTable).map(([kind, { status }]) => ({ kind, status })),
  ...features.flatMap(({ problems = {} }) =>
    Object.values(problems).map(({ kind, row }) => ({ kind, status: row.status })),
  ),
];
