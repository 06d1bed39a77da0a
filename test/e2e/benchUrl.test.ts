/** `npm run bench -- --url`: what it measures of a service that runs, and what it says where none does. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeployedFigures } from "../../bench/deployed.ts";
import {
  bundleDir,
  configPath,
  endStack,
  type Replay,
  root,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";

let folder: string;
let replay: Replay;
let worker: Worker;

beforeAll(async () => {
  folder = temporaryFolder();
  replay = await startReplay(folder);
});
afterAll(() => endStack(folder));

const bench = (...args: readonly string[]) =>
  promisify(execFile)("node", [join(root, "bench", "main.ts"), ...args], { timeout: 120_000 });

describe("bench of a service elsewhere", () => {
  it("says that nothing answers, or that it is not ready", async () => {
    await expect(bench("--url", "http://127.0.0.1:9")).rejects.toMatchObject({
      stderr: expect.stringContaining("nothing answers at that URL"),
    });
    worker = await startWorker(folder, { LLM_BASE_URL: replay.url, LLM_MODEL: "replay" });
    await expect(bench("--url", worker.url)).rejects.toMatchObject({
      stderr: expect.stringContaining("the service is not ready: pointer_absent"),
    });
    worker.stop();
  });

  it("times it, asks the LLM no more often than it was told to, and counts what failed", async () => {
    const persistTo = join(folder, "state");
    await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
    worker = await startWorker(folder, { LLM_BASE_URL: replay.url, LLM_MODEL: "replay" });
    const file = join(folder, "figures.json");
    const args = ["--url", `${worker.url}/`, "--requests", "6", "--answers", "2", "--json", file];
    const { stdout } = await bench(...args);
    expect((await replay.stats()).requests).toBe(2);
    const { deployed } = JSON.parse(readFileSync(file, "utf8")) as { deployed: DeployedFigures };
    expect(deployed).toMatchObject({ url: worker.url, engine: "simd", colo: null });
    expect(deployed.rows.map(({ atOnce, ms, failed }) => [atOnce, ms.length, failed])).toEqual([
      [1, 5, {}],
      [1, 6, {}],
      [1, 6, {}],
      [4, 12, {}],
      [16, 12, {}],
      [1, 2, {}],
    ]);
    const [, probe, rerank, , , answer] = deployed.rows;
    const middle = (ms: readonly number[] = []) => ms[Math.floor(ms.length / 2)] ?? 0;
    expect(middle(rerank?.ms)).toBeGreaterThan(middle(probe?.ms));
    expect(Object.keys(answer?.timing ?? {}).sort()).toEqual(["after", "llm", "prefix", "score"]);
    expect(stdout).toContain("/v1/rerank, K = 8");
    expect(stdout).toMatch(/mini@[\d.]+, engine simd; measured 20/u);
  });
});
