/**
 * When a plan leaves a stage: its winner's confidence reaches a threshold, or enough of its candidates agree. Also while
 * candidates are still to come, where nothing that they say can change it.
 */
import { type PlanScoreInput, planGroup, planScores, type SourcedCandidate } from "./planScore.ts";

/** `leave`: good enough, whatever is still to come. `enter`: the next stage is needed, likewise. `open`: not known yet. */
export type StageDecision = "leave" | "enter" | "open";

/** Without anything fitted: the share of a stage's candidates that must give the leading answer. */
export const DEFAULT_AGREEMENT = 0.8;

export interface StageJudgement {
  /** What the winner comes to. With candidates still to come: the most that it can come to, or for `leave` the least. */
  readonly value: number;
  readonly decision: StageDecision;
}

/**
 * By agreement: votes for the leading answer among all candidates that were asked for. Those without an answer, and
 * those that failed, count against it.
 * @param answers of the candidates that have come; null: none could be read
 * @param asked candidates that the stage was asked for, at least as many as came and are still to come
 * @param open candidates that are still to come
 */
export function byAgreement(
  answers: readonly (string | null)[],
  { asked, open, threshold }: { asked: number; open: number; threshold: number },
): StageJudgement {
  const counts = new Map<string, number>();
  for (const answer of answers) {
    if (answer !== null) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  const most = Math.max(0, ...counts.values());
  const whole = Math.max(asked, 1);
  if (most > 0 && most / whole >= threshold) return { value: most / whole, decision: "leave" };
  const value = (most + open) / whole;
  return { value, decision: open > 0 && value >= threshold ? "open" : "enter" };
}

/** A candidate that is still to come. */
export interface OpenCandidate {
  readonly source: string;
  /** From 0. */
  readonly stage: number;
  /** Who may write in its place, should it fail. */
  readonly instead: readonly string[];
}

/** Ways in which open candidates may turn out, at most: what is tried takes a few milliseconds, and no more. */
const MOST_ENDINGS = 256;

/**
 * By the fitted confidence by votes: every way in which the open candidates may turn out is tried, any answer, none, or a
 * failure. Exact where they are few; `open` where they are many, and where the adapter's scores are looked at.
 */
export function byConfidence(
  input: PlanScoreInput,
  open: readonly OpenCandidate[],
  threshold: number,
): StageJudgement {
  const unknown = { value: 0, decision: "open" } as const;
  const group = planGroup(input.fit, input.options, input.task);
  const usesScores =
    group?.stages[input.stage]?.scored != null && input.adapter === input.fit.adapter;
  if (open.length > 0 && usesScores) return unknown;
  const endings = open.map((candidate) => endingsOf(candidate, input));
  if (endings.reduce((product, { length }) => product * length, 1) > MOST_ENDINGS) return unknown;
  let least = 1;
  let most = 0;
  for (const come of combinations(endings)) {
    const numbered = come.map((candidate, at) => ({ ...candidate, index: -1 - at }));
    const candidates = [...input.candidates, ...numbered];
    const confidence = planScores({ ...input, candidates })?.confidence ?? null;
    if (confidence === null) return unknown;
    least = Math.min(least, confidence);
    most = Math.max(most, confidence);
    if (least < threshold && most >= threshold) return unknown;
  }
  return most >= threshold
    ? { value: least, decision: "leave" }
    : { value: most, decision: "enter" };
}

type Ending = Omit<SourcedCandidate, "index"> | null;

/** Any answer, one that cannot be read, and nothing at all; likewise of those who may write in its place. */
function endingsOf(
  { source, stage, instead }: OpenCandidate,
  { options }: PlanScoreInput,
): readonly Ending[] {
  const answers = [...options.map(({ label }) => label), null];
  const of = (writer: string) =>
    answers.map((answer) => ({ source: writer, stage, answer, logit: null, probability: null }));
  return [...[source, ...instead].flatMap(of), null];
}

function* combinations(
  endings: readonly (readonly Ending[])[],
): Generator<readonly NonNullable<Ending>[], void> {
  const [first, ...rest] = endings;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const others of combinations(rest)) {
    for (const ending of first) yield ending === null ? others : [ending, ...others];
  }
}
