/** A local workerd with the bundle in its R2, for `--engine worker` without `--url`. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { configPath, endStack, startWorker, temporaryFolder } from "../../lib/localStack.ts";
import { seedAdapter } from "../../lib/seed.mjs";

export interface LocalService {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startLocalService(bundle: string): Promise<LocalService> {
  const folder = temporaryFolder();
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const state = { persistTo: join(folder, "state"), configPath };
  try {
    const { name } = await seedAdapter({ bundleDir: bundle, channel: "stable", ...state });
    // No LLM is asked: /v1/rerank scores what is there.
    const llm = { LLM_BASE_URL: "http://127.0.0.1:9/v1", LLM_MODEL: "none" };
    const { url } = await startWorker(folder, { ...llm, ADAPTER: name });
    return { url, stop: () => endStack(folder) };
  } catch (error) {
    await endStack(folder);
    throw error;
  }
}
