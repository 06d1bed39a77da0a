/** The real Worker and the replay LLM, for a client's tests. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  bundleDir,
  configPath,
  endStack,
  type Replay,
  startReplay,
  startWorker,
  temporaryFolder,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";

export interface Service {
  readonly url: string;
  readonly replay: Replay;
  readonly folder: string;
  stop(): Promise<void>;
}

/**
 * @param vars of the Worker
 * @param requestsIn10s when the rate limit refuses; a tool that asks all that can be asked is not slowed down
 * @param pace of the LLM: milliseconds to its first token, and tokens a second; `off`: at once
 */
export async function startService(
  vars: Readonly<Record<string, string>> = {},
  requestsIn10s = 100,
  pace = "off",
): Promise<Service> {
  const folder = temporaryFolder();
  const config = join(folder, "wrangler.toml");
  const text = readFileSync(config, "utf8").replace("limit = 100,", `limit = ${requestsIn10s},`);
  writeFileSync(config, text);
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  const replay = await startReplay(folder, undefined, pace);
  const own = { LLM_BASE_URL: replay.url, LLM_MODEL: "replay", ...vars };
  const { url } = await startWorker(folder, own);
  await (await fetch(`${url}/readyz`)).arrayBuffer();
  return { url, replay, folder, stop: () => endStack(folder) };
}

/** A recorded question, as someone types it into a chat. */
export const typed = [
  "Deficiency of which vitamin causes Wernicke encephalopathy?",
  "A. Cobalamin (B12)",
  "B. Thiamine (B1)",
  "C. Niacin (B3)",
  "D. Pyridoxine (B6)",
].join("\n");
