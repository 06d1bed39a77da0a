/** The Worker that load is put on, in one isolate, warm, with an LLM that writes at a hosted model's pace. */
import { join } from "node:path";
import { configPath, startReplay, startWorker } from "../scripts/lib/localStack.ts";
import { seedAdapter } from "../scripts/lib/seed.mjs";
import { fireSteadily, type Shot } from "./fire.ts";
import { recordedQuestions } from "./recorded.ts";

export const K = 4;
/** V8's limit, so that it collects as in an isolate of Cloudflare's, where WebAssembly and this must fit 128 MB. */
export const JS_HEAP_MB = 48;

/** @param bundle whose version serves @param folder holds the Worker's storage, below `state` */
export async function startLoaded(bundle: string, folder: string) {
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir: bundle, persistTo, configPath, channel: "stable" });
  const replay = await startReplay(folder, undefined, "real");
  const vars = { LLM_BASE_URL: replay.url, LLM_MODEL: "replay", POINTER_INTERVAL_SECONDS: "1" };
  const worker = await startWorker(folder, vars, JS_HEAP_MB);
  const shots = recordedShots();
  await fireSteadily(worker.url, shots, 1, 10);
  return { worker, shots, persistTo };
}

function recordedShots(): Shot[] {
  return recordedQuestions().map(({ texts, ...question }) => ({
    body: JSON.stringify({ ...question, k: K }),
    texts: new Set(texts),
  }));
}
