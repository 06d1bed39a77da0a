/** A worker thread with an engine of its own: takes questions, gives back scores. */
import { parentPort, workerData } from "node:worker_threads";
import type { QuestionScores, ScoreJob } from "./scorer.ts";
import { openRanker, scoreQuestion } from "./scorer.ts";

export interface ThreadJob {
  readonly id: number;
  readonly job: ScoreJob;
}

export type ThreadReply =
  | { readonly id: number; readonly scores: QuestionScores }
  | { readonly id: number; readonly error: string };

const port = parentPort;
if (port === null) throw new Error("scorerThread.ts runs as a worker thread");
const ranker = openRanker(workerData as string);

port.on("message", async ({ id, job }: ThreadJob) => {
  let reply: ThreadReply;
  try {
    reply = { id, scores: await scoreQuestion(await ranker, job) };
  } catch (error) {
    reply = { id, error: error instanceof Error ? error.message : "scoring failed" };
  }
  port.postMessage(reply);
});
