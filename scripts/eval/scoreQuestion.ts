/** Scores one question's candidates with a ranker: the calls that the Worker makes. */
import type { Ranker } from "../../src/adapter/ranker.ts";
import type { QuestionScores, ScoreJob } from "./scorer.ts";

const never = new AbortController().signal;

/** Throws where the engine fails: that is no fault of the question. */
export async function scoreQuestion(
  ranker: Ranker,
  { question, candidates }: ScoreJob,
): Promise<QuestionScores> {
  const opened = ranker.open(question, never);
  if (!opened.ok) {
    if (opened.failure.kind === "question_too_long") {
      return { kind: "unscored", reason: opened.failure.kind };
    }
    throw new Error(`the engine took no question: ${opened.failure.kind}`);
  }
  const session = opened.value;
  const optionOf = (answer: string | null) =>
    question.options.find(({ label }) => label === answer) ?? null;
  const score = async (answer: string | null, text: string) => {
    const result = await session.score({ answer: optionOf(answer), text });
    if (!result.ok) throw new Error(`the engine failed: ${result.failure.kind}`);
    return result.value;
  };
  try {
    const scores = await Promise.all(candidates.map(({ answer, text }) => score(answer, text)));
    const bare = await Promise.all(candidates.map(({ answer }) => score(answer, "")));
    return {
      kind: "scored",
      logits: scores.map(({ logit }) => logit),
      bare: bare.map(({ logit }) => logit),
      truncated: scores.map(({ truncated }) => truncated),
    };
  } finally {
    session.close();
  }
}
