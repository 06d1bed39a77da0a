/**
 * Scores of answers where several LLMs have written: a conditional logit. An answer's score is the sum over sources of
 * what the source's vote counts, of what the adapter's logit adds, and of its label's prior. Sources that always err
 * together were fitted together, so their votes count less.
 */
import type { Option } from "../../tasks/question.ts";
import { sigmoid } from "../ranker.ts";
import type { ScoredCandidate } from "./candidates.ts";
import type { PlanFeature, PlanFit, PlanGroup, PlanModel } from "./planFit.ts";
import { labelKind } from "./selector.ts";

/** Logits beyond are taken as this: one candidate must not outweigh everything. */
export const LOGIT_CLIP = 6;

/** A candidate of a plan. */
export interface SourcedCandidate extends ScoredCandidate {
  /** Who wrote it. */
  readonly source: string;
  /** From 0. */
  readonly stage: number;
}

export interface PlanScoreInput {
  readonly fit: PlanFit;
  /** Those that hold text. */
  readonly candidates: readonly SourcedCandidate[];
  /** At least two. */
  readonly options: readonly Option[];
  readonly task: string;
  /** The last stage that was entered, from 0. */
  readonly stage: number;
  /** `name@version` of the adapter that scored; null: none did. */
  readonly adapter: string | null;
}

/** One answer's score, and what it is made of. */
export interface PlanScore {
  readonly answer: string;
  readonly score: number;
  readonly terms: {
    readonly sources: Readonly<Record<string, number>>;
    readonly adapter: number;
    readonly prior: number;
  };
}

export interface PlanScores {
  /** Of every option, best first: also of those that nobody voted for. Ties: the option that stands first. */
  readonly scores: readonly PlanScore[];
  /** The best that somebody voted for; null: nobody gave an answer. */
  readonly winner: PlanScore | null;
  /** That the winner is right, 0..1; null where nobody gave an answer, or a fitted source has written nothing. */
  readonly confidence: number | null;
  /** The adapter's scores were looked at. */
  readonly scored: boolean;
}

/** The models for this kind of question: its task's own, else those for all tasks, else null. */
export function planGroup(
  { groups }: PlanFit,
  options: readonly Option[],
  task: string,
): PlanGroup | null {
  const labels = labelKind(options);
  const fitting = groups.filter((group) => group.labels === labels);
  return (
    fitting.find((group) => group.task === task) ??
    fitting.find((group) => group.task === undefined) ??
    null
  );
}

/** Null where nothing was fitted for this kind of question. */
export function planScores(input: PlanScoreInput): PlanScores | null {
  const { fit, candidates, options, task, stage, adapter } = input;
  const group = planGroup(fit, options, task);
  const fitted = group?.stages[stage];
  if (fitted === undefined) return null;
  const complete = candidates.every(({ logit }) => logit !== null);
  const scored = fitted.scored !== null && complete && adapter !== null && adapter === fit.adapter;
  const model = scored && fitted.scored !== null ? fitted.scored : fitted.votes;
  const tally = tallyOf(candidates, options);
  const scores = options
    .map(({ label }) => scoreOf(label, model, tally))
    .sort((x, y) => y.score - x.score);
  const winner = scores.find(({ answer }) => (tally.voted.get(answer) ?? 0) > 0) ?? null;
  const expected = fit.stages.slice(0, stage + 1).flat();
  const isWhole = expected.every((source) => tally.sources.has(source));
  const confidence =
    winner === null || !isWhole ? null : confidenceOf(winner, scores, model, tally, stage);
  return { scores, winner, confidence, scored };
}

/** What the candidates come to. */
export interface Tally {
  /** Of each source: how many candidates, how many of them could not be read, and its share for each answer. */
  readonly sources: ReadonlyMap<
    string,
    {
      readonly stage: number;
      readonly count: number;
      readonly unread: number;
      readonly shares: ReadonlyMap<string, number>;
    }
  >;
  /** The sum of the sources' shares for each answer. */
  readonly voted: ReadonlyMap<string, number>;
  /** Mean of the clipped logits of an answer's candidates, less the mean of all; 0 for answers without. */
  readonly logits: ReadonlyMap<string, number>;
  /** An answer's share of the sum of the candidates' probabilities. */
  readonly probabilities: ReadonlyMap<string, number>;
}

/** Counts votes by source, in shares. */
export function tallyOf(
  candidates: readonly SourcedCandidate[],
  options: readonly Option[],
): Tally {
  const labels = new Set(options.map(({ label }) => label));
  const sources = new Map<string, SourcedCandidate[]>();
  for (const candidate of candidates) {
    const own = sources.get(candidate.source) ?? [];
    own.push(candidate);
    sources.set(candidate.source, own);
  }
  const voted = new Map<string, number>();
  const rows = [...sources].map(([source, own]) => {
    const shares = new Map<string, number>();
    for (const { answer } of own) {
      if (answer === null || !labels.has(answer)) continue;
      shares.set(answer, (shares.get(answer) ?? 0) + 1 / own.length);
      voted.set(answer, (voted.get(answer) ?? 0) + 1 / own.length);
    }
    const unread = own.filter(({ answer }) => answer === null || !labels.has(answer)).length;
    return [source, { stage: own[0]?.stage ?? 0, count: own.length, unread, shares }] as const;
  });
  const clip = (logit: number | null) => Math.max(-LOGIT_CLIP, Math.min(LOGIT_CLIP, logit ?? 0));
  const mean = (all: readonly number[]) =>
    all.length === 0 ? 0 : all.reduce((sum, one) => sum + one, 0) / all.length;
  const overall = mean(candidates.map(({ logit }) => clip(logit)));
  const whole = candidates.reduce((sum, { logit }) => sum + sigmoid(clip(logit)), 0);
  const of = (answer: string) => candidates.filter((candidate) => candidate.answer === answer);
  const logits = new Map<string, number>();
  const probabilities = new Map<string, number>();
  for (const answer of voted.keys()) {
    logits.set(answer, mean(of(answer).map(({ logit }) => clip(logit))) - overall);
    const sum = of(answer).reduce((all, { logit }) => all + sigmoid(clip(logit)), 0);
    probabilities.set(answer, whole === 0 ? 0 : sum / whole);
  }
  return { sources: new Map(rows), voted, logits, probabilities };
}

function scoreOf(answer: string, model: PlanModel, { sources, logits }: Tally): PlanScore {
  const terms = [...sources].flatMap(([source, { stage, shares }]) => {
    const vote = shares.get(answer) ?? 0;
    // Names come from configurations: "constructor" must not find what every object has.
    const known = Object.hasOwn(model.weights, source) ? model.weights[source] : undefined;
    const weight = known ?? model.defaults[Math.min(stage, model.defaults.length - 1)] ?? 0;
    return vote === 0 ? [] : [[source, weight * vote] as const];
  });
  const adapter = model.adapter * (logits.get(answer) ?? 0);
  const prior = Object.hasOwn(model.priors, answer) ? (model.priors[answer] ?? 0) : 0;
  const score = terms.reduce((sum, [, term]) => sum + term, adapter + prior);
  return { answer, score, terms: { sources: Object.fromEntries(terms), adapter, prior } };
}

function confidenceOf(
  winner: PlanScore,
  scores: readonly PlanScore[],
  { confidence: { bias, features, support } }: PlanModel,
  tally: Tally,
  stage: number,
): number {
  const named = planFeatures(winner, scores, tally);
  let sum = bias;
  for (const [name, weight] of Object.entries(features)) {
    sum += weight * named[name as PlanFeature];
  }
  for (const [source, { shares, stage: own }] of tally.sources) {
    if (own > stage || !Object.hasOwn(support, source)) continue;
    sum += (support[source] ?? 0) * (shares.get(winner.answer) ?? 0);
  }
  return sigmoid(sum);
}

/** The features of a winner: what its confidence goes by, and is fitted on. Shares are means over sources. */
function planFeatures(
  { answer, score }: PlanScore,
  scores: readonly PlanScore[],
  { sources, voted, logits, probabilities }: Tally,
): Readonly<Record<PlanFeature, number>> {
  const count = sources.size;
  const others = scores.filter((other) => other.answer !== answer);
  const top = voted.get(answer) ?? 0;
  const next = Math.max(0, ...others.map((other) => voted.get(other.answer) ?? 0));
  const unread = [...sources.values()].reduce((sum, one) => sum + one.unread / one.count, 0);
  return {
    /** Of the softmax of the scores over all options, clipped: ln(p / (1 - p)). */
    log_odds: clamp(score - logSumExp(others.map((other) => other.score)), LOGIT_CLIP),
    top_share: top / count,
    margin: (top - next) / count,
    distinct: voted.size,
    unread: unread / count,
    logit_mean: logits.get(answer) ?? 0,
    logit_share: probabilities.get(answer) ?? 0,
  };
}

/** What fitting needs of one question: features and support of the winner, beside the scores. */
export function planWinner(input: PlanScoreInput) {
  const scores = planScores(input);
  if (scores === null || scores.winner === null) return null;
  const tally = tallyOf(input.candidates, input.options);
  const { winner } = scores;
  const support = [...tally.sources].map(([source, { shares }]) => [
    source,
    shares.get(winner.answer) ?? 0,
  ]);
  return {
    answer: winner.answer,
    features: planFeatures(winner, scores.scores, tally),
    support: Object.fromEntries(support) as Record<string, number>,
  };
}

function clamp(value: number, most: number): number {
  return Math.max(-most, Math.min(most, value));
}

function logSumExp(values: readonly number[]): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
