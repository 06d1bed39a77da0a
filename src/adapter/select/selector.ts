/**
 * The fitted selector: small logistic models over features of one answer among the others. There is one for each kind of
 * question (with or without context, seen by the LLM or not; closed label set or lettered options), and one for each task
 * with enough held-out questions.
 * Python fits it on the features that this module computes (scripts/core.ts).
 */
import type { Option } from "../../tasks/question.ts";
import type { featureNames, Manifest } from "../manifest.ts";
import { maxProbability, type SelectInput, type Unit } from "./candidates.ts";

export type Selector = NonNullable<Manifest["selector"]>;
export type SelectorGroup = Selector["groups"][number];

/** `closed`: labels say what they mean (yes, no). `lettered`: A, B, C. Null: free text. */
export function labelKind(options: readonly Option[]): SelectorGroup["labels"] {
  if (options.length === 0) return null;
  const same = (option: Option) => option.label.toLowerCase() === option.text.toLowerCase();
  return options.every(same) ? "closed" : "lettered";
}

/** What decides which model a question gets. */
export type QuestionKind = Pick<SelectInput, "hasContext" | "evidenceUnseen" | "options" | "task">;

/**
 * The model for this kind of question: its task's own, else the one for all tasks, else null. If the LLM did not see
 * what the adapter read, models fitted on such questions come first.
 */
export function selectorGroup(
  manifest: Pick<Manifest, "selector"> | null,
  { hasContext, evidenceUnseen, options, task }: QuestionKind,
): SelectorGroup | null {
  const labels = labelKind(options);
  const fits = (group: SelectorGroup) => group.context === hasContext && group.labels === labels;
  const fitting = manifest?.selector?.groups.filter(fits) ?? [];
  const find = (evidence: SelectorGroup["evidence"]) => {
    const same = fitting.filter((group) => group.evidence === evidence);
    const general = same.find((group) => group.task === undefined);
    return same.find((group) => group.task === task) ?? general;
  };
  return (evidenceUnseen ? find("unseen") : undefined) ?? find(undefined) ?? null;
}

/** bias + weights . features + prior of the label. Higher: more likely the right answer. */
export function selectorLogit(
  features: readonly string[],
  group: SelectorGroup,
  unit: Unit,
  all: readonly Unit[],
): number {
  // Labels come from the caller: "constructor" must not find what every object has.
  const known = unit.answer !== null && Object.hasOwn(group.priors, unit.answer);
  const prior = known ? (group.priors[unit.answer ?? ""] ?? 0) : 0;
  return featureRow(features, unit, all).reduce(
    (sum, value, i) => sum + (group.weights[i] ?? 0) * value,
    group.bias + prior,
  );
}

/** The features of these names, of one answer among `all`: what a selector decides by, and is fitted on. */
export function featureRow(names: readonly string[], unit: Unit, all: readonly Unit[]): number[] {
  return names.map((name) => featureOf(name, unit, all));
}

type Feature = (unit: Unit, all: readonly Unit[]) => number;

const parsedCount = (all: readonly Unit[]): number =>
  all.reduce((sum, unit) => sum + unit.members.length, 0);
const sumOf = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0);

/** All in 0..1 save the logits, `distinct` and `entropy` (nats). Only parsed candidates count. */
const featureTable: Readonly<Record<(typeof featureNames)[number], Feature>> = {
  /** Its votes among all. */
  vote_share: (unit, all) => unit.members.length / parsedCount(all),
  /** Its candidates' probabilities among everyone's. */
  prob_share: (unit, all) =>
    sumOf(unit.members.map((m) => m.probability)) /
    sumOf(all.flatMap((other) => other.members.map((m) => m.probability))),
  prob_max: (unit) => maxProbability(unit),
  prob_mean: (unit) => sumOf(unit.members.map((m) => m.probability)) / unit.members.length,
  logit_max: (unit) => unit.members.reduce((max, m) => Math.max(max, m.logit), -Infinity),
  logit_mean: (unit) => sumOf(unit.members.map((m) => m.logit)) / unit.members.length,
  distinct: (_, all) => all.length,
  entropy: (_, all) =>
    -sumOf(all.map((u) => u.members.length / parsedCount(all)).map((p) => p * Math.log(p))),
};

function featureOf(name: string, unit: Unit, all: readonly Unit[]): number {
  const feature = (featureTable as Readonly<Record<string, Feature>>)[name];
  if (feature === undefined) throw new Error("a manifest names an unknown selector feature");
  return feature(unit, all);
}
