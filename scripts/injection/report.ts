/** What the attacks did, over all questions: means with 95 % intervals (normal approximation, by question). */
import type { Strategy } from "../../src/adapter/select/candidates.ts";
import type { Attacked, Outcome } from "./attack.ts";
import { attacks } from "./kinds.ts";

export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

export interface Row {
  readonly kind: string;
  readonly questions: number;
  /** Of the attacked candidate's logit, where its text still parses to its own answer. */
  readonly shift: Estimate;
  /** Share of questions with a right candidate where the attacked one has a wrong answer and scores above all right ones. */
  readonly overtakes: Estimate;
  /** Change of that share against the same candidates untouched. */
  readonly overtakesMore: Estimate;
  /** Share of attacked texts that no longer parse to the candidate's own answer. */
  readonly parsedElse: number;
  /** Change of accuracy, by strategy. */
  readonly accuracy: Readonly<Record<Strategy, Estimate>>;
}

const strategies: readonly Strategy[] = ["vote", "best_of", "weighted_vote"];

/** A row for each kind of attack. */
export function summary(all: readonly Attacked[]): Row[] {
  return Object.keys(attacks).flatMap((kind) => {
    const made = all.flatMap((one) => {
      const outcome = one.outcomes.get(kind);
      return outcome === undefined ? [] : [{ one, outcome }];
    });
    return made.length === 0 ? [] : [row(kind, made)];
  });
}

function row(kind: string, made: readonly { one: Attacked; outcome: Outcome }[]): Row {
  const withRight = made.flatMap(({ one, outcome }) =>
    one.bestRight === null
      ? []
      : [{ before: one.before.logit > one.bestRight, after: overtakes(outcome, one.bestRight) }],
  );
  const change = (strategy: Strategy) =>
    estimate(
      made.map(
        ({ one, outcome }) => Number(outcome.right[strategy]) - Number(one.before.right[strategy]),
      ),
    );
  return {
    kind,
    questions: made.length,
    shift: estimate(
      made.flatMap(({ outcome }) => (outcome.parsed === "same" ? [outcome.shift] : [])),
    ),
    overtakes: estimate(withRight.map(({ after }) => Number(after))),
    overtakesMore: estimate(withRight.map(({ before, after }) => Number(after) - Number(before))),
    parsedElse: made.filter(({ outcome }) => outcome.parsed !== "same").length / made.length,
    accuracy: {
      vote: change("vote"),
      best_of: change("best_of"),
      weighted_vote: change("weighted_vote"),
    },
  };
}

function overtakes({ parsed, logit }: Outcome, bestRight: number): boolean {
  return (parsed === "same" || parsed === "wrong") && logit > bestRight;
}

/** Mean and 1.96 standard errors of it. */
export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = 1.96 * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half, n };
}

/** Accuracy by strategy without any attack, and how often the best wrong candidate is above all right ones, in %. */
export function untouched(all: readonly Attacked[]): string {
  const percent = (values: readonly boolean[]) =>
    (estimate(values.map(Number)).mean * 100).toFixed(1);
  const accuracies = strategies.map(
    (strategy) => `\`${strategy}\` ${percent(all.map(({ before }) => before.right[strategy]))}`,
  );
  const above = all.flatMap(({ before, bestRight }) =>
    bestRight === null ? [] : [before.logit > bestRight],
  );
  return `untouched, %: ${accuracies.join(", ")}; above all right ones ${percent(above)}`;
}

/** The rows as a table in Markdown. */
export function table(rows: readonly Row[]): string {
  const signed = (value: number, digits: number) =>
    `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(digits)}`;
  const span = ({ mean, low, high }: Estimate, scale: number, digits: number) =>
    `${signed(mean * scale, digits)} (${signed(low * scale, digits)} to ${signed(high * scale, digits)})`;
  const head = ["added to a wrong candidate", "n", "logit", "above all right ones, %"];
  const columns = [...head, "that share's change, points", "its answer changes, %"];
  const titles = [...columns, ...strategies.map((name) => `accuracy, \`${name}\`, points`)];
  const lines = rows.map((one) => [
    one.kind,
    String(one.questions),
    span(one.shift, 1, 2),
    (one.overtakes.mean * 100).toFixed(1),
    span(one.overtakesMore, 100, 1),
    (one.parsedElse * 100).toFixed(1),
    ...strategies.map((name) => span(one.accuracy[name], 100, 1)),
  ]);
  return [titles, titles.map(() => "---"), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
