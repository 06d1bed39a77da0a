/** Engines in real workerd, each in isolates of its own. */
import { join } from "node:path";
import { unstable_startWorker } from "wrangler";
import { admissionLimits } from "../src/adapter/admission.ts";
import { isCross, type Job, modes, sizes, targetSize } from "./rows.ts";
import type { ColdStart, Measured, Subject } from "./subject.ts";
import type { StartRequest } from "./worker/index.ts";

export interface Bench {
  readonly root: string;
  /** Where local R2 lies. */
  readonly persistTo: string;
  readonly adapter: string;
  readonly version: string;
}

export type Post = (path: string, body: object) => Promise<unknown>;

export interface Running {
  readonly post: Post;
  stop(): Promise<void>;
}

/**
 * Starts an engine `coldStarts` times afresh and keeps the last, beside one more isolate for the
 * cross-encoder's form: its longer inputs would leave a larger heap behind.
 */
export async function workerdSubject(
  bench: Bench,
  engine: string,
  coldStarts: number,
): Promise<Subject> {
  const starts: ColdStart[] = [];
  let worker = await freshWorker(bench, engine);
  starts.push(await startEngine(worker.post, bench, engine, "prefix"));
  while (starts.length < coldStarts) {
    await worker.stop();
    worker = await freshWorker(bench, engine);
    starts.push(await startEngine(worker.post, bench, engine, "prefix"));
  }
  const cross = await freshWorker(bench, engine);
  await startEngine(cross.post, bench, engine, "cross");
  return {
    engine,
    modes,
    coldStarts: starts,
    measure: async (job: Job) =>
      (await (isCross(job.mode) ? cross : worker).post("/job", job)) as Measured,
    fullHouse: async () => {
      const body = { ...sizes.at(-1), places: admissionLimits.places };
      return ((await worker.post("/full-house", body)) as { heapMB: number }).heapMB;
    },
    stop: async () => {
      await Promise.all([worker.stop(), cross.stop()]);
    },
  };
}

async function startEngine(
  post: Post,
  { adapter, version }: Bench,
  engine: string,
  form: StartRequest["form"],
): Promise<ColdStart> {
  const body = { engine, adapter, version, form, size: targetSize };
  return (await post("/start", body)) as ColdStart;
}

/**
 * A Worker of its own, so a fresh isolate. Not `wrangler dev`: that restarts when a source file changes,
 * in the middle of a measurement.
 */
export async function freshWorker(
  { root, persistTo }: Pick<Bench, "root" | "persistTo">,
  engine: string,
): Promise<Running> {
  const worker = await unstable_startWorker({
    config: join(root, "bench", "wrangler.toml"),
    dev: {
      watch: false,
      inspector: false,
      logLevel: "error",
      persist: persistTo,
      server: { port: 0 },
    },
  });
  await worker.ready;
  const url = await worker.url;
  const post: Post = async (path, body) => {
    const request = { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(new URL(path, url), request);
    if (!response.ok) throw new Error(`${engine}: ${path} failed: ${await response.text()}`);
    return response.json();
  };
  return { post, stop: () => worker.dispose() };
}
