/**
 * Exact metering: 500 requests over five keys, clients that leave, a Worker that is killed with requests in flight, and
 * every request counted as the LLM saw it: settled, or once and flagged where nobody was left to settle it.
 */
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
import { kvKeyStore } from "../../src/worker/access/keyStore.ts";
import type { KeyWish } from "../../src/worker/access/keys.ts";
import { makeKey } from "../../src/worker/access/keys.ts";
import { ask, recordings } from "./recordings.ts";

const WAVES = 5;
const WAVE = 100;
const KEYS = 5;
/** Requests in flight when the Worker is killed, and the waves after which it is. */
const KILLED = 4;
const KILLS = [1, 3];
/** The ledger gives up a request for dead after the LLM's deadline and a minute. */
const DEADLINE_MS = 5_000;

let folder: string;
let replay: Replay;
let worker: Worker;
let keys: string[];
let reader: string;
/** Lines that Workers wrote that have been killed: the next one may write to the same file. */
const earlier: string[] = [];

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
  await begin();
});

/** Starts the Worker, or starts it anew, and waits until it scores. */
async function begin(): Promise<void> {
  const deadline = { LLM_DEADLINE_MS: String(DEADLINE_MS) };
  worker = await startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay",
    ...deadline,
  });
  for (let tries = 0; tries < 300; tries += 1) {
    if ((await fetch(`${worker.url}/readyz`)).ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the Worker has no adapter");
}

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

const linesOf = (log: string) => readFileSync(log, "utf8").split("\n");

/** The Workers' own records of their requests. */
function logged() {
  return [...earlier, ...linesOf(worker.log)]
    .filter((line) => line.startsWith('{"event":"request"'))
    .map((line) => JSON.parse(line))
    .filter(({ route }) => route === "/v1/answer");
}

/** A wave of requests, a third of whose clients leave; whether all others were answered. */
async function wave(first: number): Promise<{ left: number }> {
  const questions = recordings("yesno");
  const leaveMs = (at: number) => (at % 3 === 0 ? 5 + ((at * 37) % 900) : null);
  const sent = Array.from({ length: WAVE }, (_, n) => first + n).map((at) => {
    const question = questions[at % questions.length];
    if (question === undefined) throw new Error("no recording");
    return send(keys[at % KEYS] ?? "", { ...ask(question), k: 1 }, leaveMs(at));
  });
  const statuses = await Promise.all(sent);
  const stayed = statuses.filter((_, n) => leaveMs(first + n) === null);
  expect(new Set(stayed)).toEqual(new Set([200]));
  await expect.poll(async () => (await replay.stats()).inFlight, { timeout: 60_000 }).toBe(0);
  return { left: statuses.filter((status) => status === null).length };
}

/** Kills the Worker while the LLM has requests that it does not answer. */
async function killWithRequestsInFlight(): Promise<void> {
  await replay.fail("hang-before-headers", KILLED);
  const [question] = recordings("yesno");
  if (question === undefined) throw new Error("no recording");
  const sent = Array.from({ length: KILLED }, (_, at) =>
    send(keys[at % KEYS] ?? "", { ...ask(question), k: 1 }, 60_000),
  );
  await expect.poll(async () => (await replay.stats()).inFlight, { timeout: 10_000 }).toBe(KILLED);
  earlier.push(...linesOf(worker.log));
  worker.stop();
  expect(await Promise.all(sent)).toEqual(Array(KILLED).fill(null));
  await expect.poll(async () => (await replay.stats()).inFlight, { timeout: 10_000 }).toBe(0);
  await begin();
}

describe("the ledger", () => {
  it("counts each of 500 requests once, whether its client stayed or left, or the Worker died", async () => {
    let left = 0;
    for (let number = 0; number < WAVES; number += 1) {
      left += (await wave(number * WAVE)).left;
      if (KILLS.includes(number)) await killWithRequestsInFlight();
    }
    expect(left).toBeGreaterThan(0);

    const asked = (await replay.stats()).requests ?? 0;
    const counted = async (of: (row: UsageRow) => number) => sum(await usage(), of);
    const orphans = KILLS.length * KILLED;
    const estimated = () => counted((row) => row.estimated_requests);
    await expect.poll(estimated, { timeout: 90_000, interval: 500 }).toBe(orphans);
    // An alarm that came twice, or a settlement after it, would show by now.
    await new Promise((resolve) => setTimeout(resolve, 6_000));

    const rows = await usage();
    expect(rows).toHaveLength(KEYS);
    expect(asked).toBeGreaterThanOrEqual(WAVES * WAVE - left + orphans);
    expect(sum(rows, (row) => row.estimated_requests)).toBe(orphans);
    expect(sum(rows, (row) => row.requests)).toBe(asked);
    expect((await replay.stats()).requests).toBe(asked);

    // What the engine counted, of those that settled; the estimates of the others are flagged and known.
    const records = logged();
    const scored = sum(records, ({ scored = 0 }) => scored);
    expect(sum(rows, (row) => row.candidates_scored) - orphans).toBe(scored);
    const tokens = sum(records, ({ completionTokens = 0 }) => completionTokens);
    expect(sum(rows, (row) => row.completion_tokens) - orphans * 100).toBe(tokens);
    // Tries that did not get through to the LLM are counted there too.
    expect(sum(rows, (row) => row.llm_requests)).toBeGreaterThanOrEqual(asked);
  }, 600_000);
});
