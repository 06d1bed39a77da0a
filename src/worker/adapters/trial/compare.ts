/**
 * What another adapter would have chosen among the candidates of an answer. Done after the response: callers neither see
 * it, nor wait or pay for it.
 */
import type { Ranker } from "../../../adapter/ranker.ts";
import type { ScoredCandidate } from "../../../adapter/select/candidates.ts";
import { select } from "../../../adapter/select/select.ts";
import { SingleFlight, type WaitUntil } from "../../../net/sharedWork.ts";
import { isEvidenceUnseen, readByAdapter } from "../../../tasks/question.ts";
import type { FinishedAnswer } from "../trialChannels.ts";

/** `dropped`: there was no time or no place; `failed`: the adapter could not score. */
export type Comparison = "same" | "other" | "failed" | "dropped";

/** Scores the answer's candidates with `ranker`, and compares what it puts first with what was put first. */
export async function compare(
  ranker: Ranker,
  outcome: FinishedAnswer,
  signal: AbortSignal,
): Promise<Comparison> {
  const { ask, selection, strategy } = outcome;
  const { options } = ask.question;
  const opened = ranker.open(ask.question, signal);
  if (!opened.ok) return opened.failure.kind === "question_too_long" ? "failed" : "dropped";
  try {
    const candidates: ScoredCandidate[] = [];
    for (const { index, answer, text, state } of outcome.candidates) {
      if (state === "empty" || !outcome.deciding.includes(index)) continue;
      const option = options.find(({ label }) => label === answer) ?? null;
      const score = await opened.value.score({ answer: option, text });
      if (!score.ok) return score.failure.kind === "aborted" ? "dropped" : "failed";
      const { logit, probability } = score.value;
      candidates.push({ index, answer, logit, probability });
    }
    const second = select({
      strategy,
      candidates,
      options,
      hasContext: readByAdapter(ask.question) !== null,
      evidenceUnseen: isEvidenceUnseen(ask.question),
      manifest: ranker.manifest,
      llm: outcome.writer ?? "",
      task: ask.task.id,
      abstain: null,
    });
    const [first] = selection.ranking;
    const answerOf = (index: number | undefined) =>
      candidates.find((one) => one.index === index)?.answer ?? null;
    // Free text, or nothing that could be read, agrees only on the very same candidate.
    const same =
      first === second.index || (second.answer !== null && answerOf(first) === second.answer);
    return same ? "same" : "other";
  } finally {
    opened.value.close();
  }
}

/** With more questions in hand than this, or any in the line, an isolate is busy. */
const BUSY_HELD = 2;
/** A request's background work is ended by the platform after 30 s. */
const MOST_MS = 25_000;

/** Runs comparisons: one at a time, and none while callers need the engine. */
export class Comparisons {
  readonly #comparisons = new SingleFlight(MOST_MS);

  /**
   * Compares, unless there is no time for it. Never rejects.
   * @param serving the adapter that answers callers: how busy it is decides
   * @param second the adapter to compare with; null: it cannot be had
   */
  async run(
    serving: Ranker,
    second: () => Promise<Ranker | null>,
    outcome: FinishedAnswer,
    waitUntil: WaitUntil,
  ): Promise<Comparison> {
    const { held, waiting } = serving.load();
    if (waiting > 0 || held > BUSY_HELD) return "dropped";
    const work = async (): Promise<Comparison> => {
      const ranker = await second();
      if (ranker === null) return "dropped";
      return compare(ranker, outcome, AbortSignal.timeout(MOST_MS));
    };
    return this.#comparisons.begin(work, waitUntil)?.catch(() => "failed" as const) ?? "dropped";
  }
}
