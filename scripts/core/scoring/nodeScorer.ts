/** Scores on all cores: worker threads, each with an engine of its own. */
import { Worker } from "node:worker_threads";
import { CoreFault } from "../fault.ts";
import type { QuestionScores, ScoreJob, Scorer } from "./scorer.ts";
import type { ThreadJob, ThreadReply } from "./scorerThread.ts";

/** Jobs that a thread has at once: the next is there when one ends. Within the engine's four places. */
const JOBS_A_THREAD = 2;

interface Waiting {
  readonly resolve: (scores: QuestionScores) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

export function nodeScorer(bundle: string, threads: number): Scorer {
  const pool = Array.from({ length: threads }, () => startThread(bundle));
  let jobs = 0;
  return {
    parallel: pool.length * JOBS_A_THREAD,
    score: (job) =>
      new Promise((resolve, reject) => {
        const idlest = pool.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
        const message: ThreadJob = { id: jobs, job: plain(job) };
        jobs += 1;
        idlest.waiting.set(message.id, { resolve, reject });
        idlest.worker.postMessage(message);
      }),
    close: async () => {
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    },
  };
}

/** Only what the thread reads goes over: labels (is it right?) stay here. */
function plain({ question, candidates }: ScoreJob): ScoreJob {
  return { question, candidates: candidates.map(({ text, answer }) => ({ text, answer })) };
}

function startThread(bundle: string): Thread {
  const worker = new Worker(new URL("./scorerThread.ts", import.meta.url), { workerData: bundle });
  const waiting = new Map<number, Waiting>();
  const fail = (message: string) => {
    for (const { reject } of waiting.values()) reject(new CoreFault("engine_failed", message));
    waiting.clear();
  };
  worker.on("message", (reply: ThreadReply) => {
    const job = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ("error" in reply) job?.reject(new CoreFault("engine_failed", reply.error));
    else job?.resolve(reply.scores);
  });
  worker.on("error", (error: Error) => fail(error.message));
  worker.on("exit", () => fail("a scoring thread ended"));
  return { worker, waiting };
}
