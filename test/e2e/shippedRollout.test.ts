/** Versions of the shipped adapter beside each other, in the heap that an isolate has for them by default: room for two. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { R2Bucket } from "@cloudflare/workers-types";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  post,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { openBucket, putBundle, putFile, putPointer } from "../../scripts/lib/seed.mjs";
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { ask, recording } from "./recordings.ts";
import { copyBundle } from "./tinyAdapters.ts";

let folder: string;
let worker: Worker;
let bucket: R2Bucket;
let dispose: () => Promise<void>;

beforeAll(async () => {
  folder = temporaryFolder();
  const replay = await startReplay(folder);
  ({ bucket, dispose } = await openBucket({ persistTo: join(folder, "state"), configPath }));
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
    await putBundle(bucket, copyBundle(bundleDir, join(folder, version), version));
  }
  await putPointer(bucket, { adapter: "mini", version: "1.0.0", channel: "stable" });
  worker = await startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay",
    POINTER_INTERVAL_SECONDS: "0",
  });
});

afterAll(async () => {
  await dispose?.();
  await endStack(folder);
});

const putCanary = (serial: number, members: object) => {
  const pointer = { schema: 1, adapter: "mini", serial, share: 1, ...members };
  const text = JSON.stringify({ ...pointer, updatedAt: new Date().toISOString() });
  return putFile(bucket, "channels/mini/canary.json", Buffer.from(text));
};

async function answeredBy(adapter?: string): Promise<AnswerBody["adapter"]> {
  const body = { ...ask(recording("pubmedqa")), k: 3, ...(adapter ? { adapter } : {}) };
  const { body: answer } = await post<AnswerBody>(`${worker.url}/v1/answer`, body);
  expect(answer.degraded).toBe(false);
  return answer.adapter;
}

async function channels(): Promise<object[]> {
  const response = await fetch(`${worker.url}/readyz`);
  return ((await response.json()) as { channels: object[] }).channels;
}

const served = (version: string, channel: string) => ({ name: "mini", version, channel });

it("a canary is held beside stable, and a pinned version in its place; stable stays", async () => {
  expect(await answeredBy()).toEqual(served("1.0.0", "stable"));
  const bounds = {
    minRequests: 100,
    maxFailureRate: 0.1,
    maxAbstentionDifference: 0.1,
    minAgreement: 0.5,
    compareShare: 0,
  };
  await putCanary(1, { version: "1.1.0", sticky: "request", bounds });
  await expect.poll(channels, { timeout: 20_000, interval: 300 }).toMatchObject([
    { channel: "stable", state: "serving" },
    { version: "1.1.0", state: "serving" },
  ]);
  expect(await answeredBy()).toEqual(served("1.1.0", "canary"));
  expect(await answeredBy("mini@1.0.0")).toEqual(served("1.0.0", "pinned"));
  expect(await answeredBy("mini@1.2.0")).toEqual(served("1.2.0", "pinned"));
  // Whoever pins goes before the canary: for a while its requests are stable's.
  expect(await answeredBy()).toEqual(served("1.0.0", "stable"));
  expect(await channels()).toMatchObject([
    { channel: "stable", version: "1.0.0", state: "serving" },
    { channel: "canary", state: "loading", fault: { reason: "no_room", version: "1.1.0" } },
  ]);
  const log = readFileSync(worker.log, "utf8");
  expect(log).toContain('{"event":"adapter","channel":"canary","fault":"no_room"}');
  // Nobody signs here, and the log says what that means.
  expect(log).toContain('{"event":"warning","warning":"adapters_unsigned"}');
});

it("a new stable moves both aside, and is served", async () => {
  await putPointer(bucket, { adapter: "mini", version: "1.1.0", channel: "stable" });
  await expect
    .poll(channels, { timeout: 20_000, interval: 300 })
    .toMatchObject([
      { channel: "stable", version: "1.1.0", state: "serving" },
      { state: "superseded" },
    ]);
  expect(await answeredBy()).toEqual(served("1.1.0", "stable"));
});
