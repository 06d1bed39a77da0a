/** Exact metering: many at once over five keys, clients that leave, and every request counted as the LLM saw it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localKeyValues } from "../../scripts/keys/local.ts";
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
import { makeKey } from "../../src/worker/auth/apiKey.ts";
import type { KeyWish } from "../../src/worker/auth/keyRecord.ts";
import { kvKeyStore } from "../../src/worker/auth/keyStore.ts";
import { ask, recordings } from "./recordings.ts";

const REQUESTS = 200;
const KEYS = 5;

let folder: string;
let replay: Replay;
let worker: Worker;
let keys: string[];
let reader: string;

beforeAll(async () => {
  folder = temporaryFolder();
  const persistTo = join(folder, "state");
  replay = await startReplay(folder, undefined, "20,2000");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  const { values, close } = await localKeyValues(root, persistTo);
  const create = async (scopes: KeyWish["scopes"]) => {
    const wish: KeyWish = { tenant: "clinic-a", scopes, adapters: null, quota: null };
    const { key, record } = await makeKey(wish, new Date());
    await kvKeyStore(values).put(record);
    return key;
  };
  keys = await Promise.all(Array.from({ length: KEYS }, () => create(["answer"])));
  reader = await create(["usage"]);
  await close();
  worker = await startWorker(folder, { LLM_BASE_URL: replay.url, LLM_MODEL: "replay" });
});

afterAll(() => endStack(folder));

interface UsageRow {
  readonly key: string;
  readonly requests: number;
  readonly candidates_scored: number;
  readonly completion_tokens: number;
  readonly llm_requests: number;
  readonly estimated_requests: number;
}

async function usage(): Promise<UsageRow[]> {
  const headers = { authorization: `Bearer ${reader}` };
  const response = await fetch(`${worker.url}/v1/usage?group_by=key`, { headers });
  return ((await response.json()) as { data: UsageRow[] }).data;
}

const sum = <Row>(rows: readonly Row[], of: (row: Row) => number) =>
  rows.reduce((total, row) => total + of(row), 0);

/** Sends one until it is answered; null for a client that left after `leaveMs`. */
async function send(key: string, body: object, leaveMs: number | null): Promise<number | null> {
  try {
    for (;;) {
      const response = await fetch(`${worker.url}/v1/answer`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify(body),
        ...(leaveMs === null ? {} : { signal: AbortSignal.timeout(leaveMs) }),
      });
      await response.arrayBuffer();
      // Only so many are scored at once: the others are told when to come back, and do.
      const wait = Number(response.headers.get("retry-after"));
      if (response.status !== 503 && response.status !== 429) return response.status;
      await new Promise((resolve) => setTimeout(resolve, wait * 1_000));
    }
  } catch {
    return null;
  }
}

/** The Worker's own records of its requests. */
function logged() {
  return readFileSync(worker.log, "utf8")
    .split("\n")
    .filter((line) => line.startsWith('{"event":"request"'))
    .map((line) => JSON.parse(line))
    .filter(({ route }) => route === "/v1/answer");
}

describe("the ledger", () => {
  it("counts each of many requests once, whether its client stayed or left", async () => {
    const ready = async () => (await fetch(`${worker.url}/readyz`)).status;
    await expect.poll(ready, { timeout: 30_000 }).toBe(200);
    const questions = recordings("yesno");
    const sent = Array.from({ length: REQUESTS }, (_, at) => {
      const question = questions[at % questions.length];
      if (question === undefined) throw new Error("no recording");
      const leaveMs = at % 3 === 0 ? 5 + ((at * 37) % 900) : null;
      return send(keys[at % KEYS] ?? "", { ...ask(question), k: 1 }, leaveMs);
    });
    const statuses = await Promise.all(sent);
    const stayed = statuses.filter((_, at) => at % 3 !== 0);
    expect(new Set(stayed)).toEqual(new Set([200]));
    expect(statuses.filter((status) => status === null).length).toBeGreaterThan(0);

    await expect.poll(async () => (await replay.stats()).inFlight, { timeout: 60_000 }).toBe(0);
    const asked = async () => (await replay.stats()).requests;
    const counted = async () => sum(await usage(), (row) => row.requests);
    await expect
      .poll(async () => (await counted()) - ((await asked()) ?? 0), { timeout: 60_000 })
      .toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 1_000));

    const rows = await usage();
    expect(rows).toHaveLength(KEYS);
    expect(await asked()).toBeGreaterThanOrEqual(stayed.length);
    // Tries that did not get through to the LLM are counted there too.
    expect(sum(rows, (row) => row.llm_requests)).toBeGreaterThanOrEqual((await asked()) ?? 0);
    expect(sum(rows, (row) => row.requests)).toBe(await asked());
    expect(sum(rows, (row) => row.estimated_requests)).toBe(0);
    const records = logged();
    expect(sum(rows, (row) => row.candidates_scored)).toBe(
      sum(records, ({ scored = 0 }) => scored),
    );
    const tokens = sum(records, ({ completionTokens = 0 }) => completionTokens);
    expect(sum(rows, (row) => row.completion_tokens)).toBe(tokens);
  });
});
