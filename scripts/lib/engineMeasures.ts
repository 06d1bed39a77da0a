/** What `engine-accuracy.ts` reports of logits beside float32 ones. */

/** One question's candidates under float32 and under each engine. */
export interface Scored {
  readonly set: string;
  readonly exact: readonly number[];
  readonly engines: Readonly<Record<string, readonly number[]>>;
  readonly answers: readonly (string | null)[];
  readonly correct: readonly boolean[];
}

export interface Measures {
  readonly engine: string;
  readonly questions: number;
  readonly candidates: number;
  /** Logit minus float32 logit: mean, standard deviation, greatest magnitude. */
  readonly errorMean: number;
  readonly errorSd: number;
  readonly errorMax: number;
  /** Standard deviation of the float32 logits, for scale. */
  readonly logitSd: number;
  /** Share of questions whose best candidate is float32's. */
  readonly topOne: number;
  /** Share of questions whose best candidate is right; of those whose weighted vote is. */
  readonly bestOf: number;
  readonly weightedVote: number;
  /** Area under the ROC curve over all candidates, right against wrong. */
  readonly auc: number;
}

/** A row for float32 and for each engine. */
export function measures(scored: readonly Scored[]): Measures[] {
  const names = Object.keys(scored[0]?.engines ?? {});
  const logitsOf = (name: string) => (question: Scored) =>
    name === "float32" ? question.exact : (question.engines[name] ?? []);
  return ["float32", ...names].map((name) => measure(name, scored, logitsOf(name)));
}

function measure(
  engine: string,
  scored: readonly Scored[],
  logitsOf: (question: Scored) => readonly number[],
): Measures {
  const logits = scored.flatMap(logitsOf);
  const exact = scored.flatMap((question) => question.exact);
  const errors = logits.map((logit, index) => logit - (exact[index] ?? Number.NaN));
  const share = (holds: (question: Scored) => boolean) =>
    scored.filter(holds).length / scored.length;
  return {
    engine,
    questions: scored.length,
    candidates: logits.length,
    errorMean: mean(errors),
    errorSd: deviation(errors),
    errorMax: errors.reduce((most, error) => Math.max(most, Math.abs(error)), 0),
    logitSd: deviation(exact),
    topOne: share((question) => greatest(logitsOf(question)) === greatest(question.exact)),
    bestOf: share((question) => question.correct[greatest(logitsOf(question))] === true),
    weightedVote: share((question) => votesRight(question, logitsOf(question))),
    auc: auc(
      logits,
      scored.flatMap((question) => question.correct),
    ),
  };
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
}

const greatest = (values: readonly number[]) => values.indexOf(Math.max(...values));

/** Whether the answer with the greatest sum of probabilities is right. */
function votesRight({ answers, correct }: Scored, logits: readonly number[]): boolean {
  const sums = new Map<string, number>();
  for (const [index, answer] of answers.entries()) {
    if (answer === null) continue;
    const probability = 1 / (1 + Math.exp(-(logits[index] ?? 0)));
    sums.set(answer, (sums.get(answer) ?? 0) + probability);
  }
  const [winner] = [...sums].reduce((best, next) => (next[1] > best[1] ? next : best), [
    "",
    Number.NEGATIVE_INFINITY,
  ] as [string, number]);
  return correct[answers.indexOf(winner)] === true;
}

/** Mann-Whitney, ties counted half. */
function auc(logits: readonly number[], correct: readonly boolean[]): number {
  const order = logits.map((_, index) => index).sort((a, b) => at(logits, a) - at(logits, b));
  let rankSum = 0;
  let right = 0;
  for (let first = 0; first < order.length; ) {
    let end = first;
    while (end < order.length && at(logits, order[end]) === at(logits, order[first])) end++;
    for (const index of order.slice(first, end)) {
      if (!correct[index]) continue;
      rankSum += (first + 1 + end) / 2;
      right++;
    }
    first = end;
  }
  return (rankSum - (right * (right + 1)) / 2) / (right * (logits.length - right));
}

const at = (values: readonly number[], index: number | undefined) =>
  values[index ?? -1] ?? Number.NaN;

/** Lines for a terminal. */
export function table(rows: readonly Measures[]): string {
  const first = rows[0];
  const head = `${first?.questions} questions, ${first?.candidates} candidates, float32 logits' standard deviation ${first?.logitSd.toFixed(3)}\n`;
  const titles =
    "engine        error mean      sd     max   top-1 as float32   best-of   weighted     AUC\n";
  const lines = rows.map((row) =>
    [
      row.engine.padEnd(14),
      row.errorMean.toFixed(4).padStart(10),
      row.errorSd.toFixed(4).padStart(8),
      row.errorMax.toFixed(3).padStart(8),
      row.topOne.toFixed(4).padStart(19),
      row.bestOf.toFixed(4).padStart(10),
      row.weightedVote.toFixed(4).padStart(11),
      row.auc.toFixed(4).padStart(8),
    ].join(""),
  );
  return `${head}${titles}${lines.join("\n")}\n`;
}
