/** From an answer that is kept, over its outcome, to the file that the training package reads. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localKeyValues } from "../../scripts/keys/local.ts";
import {
  bundleDir,
  configPath,
  endStack,
  root,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";
import { kvKeyStore } from "../../src/worker/access/keyStore.ts";
import type { KeyWish } from "../../src/worker/access/keys.ts";
import { makeKey } from "../../src/worker/access/keys.ts";
import { ask, recordings } from "./recordings.ts";
import { startTrain, train } from "./trainer.ts";

let folder: string;
let worker: Worker;
let app: string;
let clinic: string;
let exporter: string;

beforeAll(async () => {
  folder = temporaryFolder();
  const persistTo = join(folder, "state");
  const replay = await startReplay(folder);
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  const { values, close } = await localKeyValues(root, persistTo);
  const create = async (scopes: KeyWish["scopes"]) => {
    const wish: KeyWish = { tenant: "clinic-a", scopes, adapters: null, quota: null };
    const { key, record } = await makeKey(wish, new Date());
    await kvKeyStore(values).put(record);
    return key;
  };
  app = await create(["answer"]);
  clinic = await create(["answer", "feedback:trusted"]);
  exporter = await create(["feedback:export"]);
  await close();
  worker = await startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay",
    CONTENT_SECRET: "a content secret of 32 characters",
  });
});

afterAll(() => endStack(folder));

async function call(path: string, key: string, body: object) {
  const response = await fetch(`${worker.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as { id: string; stored?: boolean };
}

describe("feedback", () => {
  it("of those who are trusted becomes training data, and nothing else does", async () => {
    const questions = recordings("yesno").slice(0, 3);
    const ids: string[] = [];
    for (const question of questions) {
      const answered = await call("/v1/answer", app, { ...ask(question), k: 4, store: true });
      expect(answered.stored).toBe(true);
      ids.push(answered.id);
    }
    const [trusted = "", untrusted = ""] = ids; // the third has no outcome
    await call("/v1/feedback", clinic, { id: trusted, gold: "yes" });
    await call("/v1/feedback", app, { id: untrusted, correct: true });

    const exported = await fetch(`${worker.url}/v1/feedback/export`, {
      headers: { authorization: `Bearer ${exporter}` },
    });
    const text = await exported.text();
    expect(text.trim().split("\n")).toHaveLength(2);
    const file = join(folder, "feedback.jsonl");
    writeFileSync(file, text);
    const out = join(folder, "candidates.jsonl.gz");
    const printed = await train(["feedback", file, "--tenant", "clinic-a", "--out", out]);
    expect(printed).toMatch(/not_trusted\D+1/);
    const records = gunzipSync(readFileSync(out)).toString().trim().split("\n");
    expect(records).toHaveLength(1);
    const record = JSON.parse(records[0] ?? "");
    expect(record.gold).toBe("yes");
    expect(record.question).toBe(questions[0]?.question);
    expect(record.candidates).toHaveLength(4);
    for (const { answer, correct } of record.candidates) expect(correct).toBe(answer === "yes");

    const other = startTrain(["feedback", file, "--tenant", "clinic-b", "--out", out]);
    expect((await other.finished).code).not.toBe(0);
  });
});
