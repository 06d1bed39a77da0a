/**
 * Spending caps through the real Worker: some five hundred requests at once, over five keys of one tenant with a cap each, LLMs
 * on HTTP servers of their own. No key is over its cap, and what the ledger counts is what the LLMs have billed. No
 * adapter: votes decide, so that money alone is waited for.
 */
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { localKeyValues } from "../../scripts/keys/local.ts";
import {
  endStack,
  root,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { readMoney } from "../../src/net/money.ts";
import { kvKeyStore } from "../../src/worker/access/keyStore.ts";
import type { KeyWish } from "../../src/worker/access/keys.ts";
import { makeKey } from "../../src/worker/access/keys.ts";
import { type LiveLlm, live } from "./liveLlm.ts";

const KEYS = 5;
/** As many as the rate limit lets through in ten seconds, with some left for looking. */
const REQUESTS = 95;
const price = { cheap: { in: 2, out: 8 }, strong: { in: 20, out: 80 } };
/** By the most that they can cost, some thirty requests fit at once; those that come while they run are refused. */
const CAP = "1.000000";

let folder: string;
let worker: Worker;
let cheap: LiveLlm;
let strong: LiveLlm;
let keys: string[];

beforeAll(async () => {
  folder = temporaryFolder();
  const delay = () => 20 + Math.random() * 200;
  cheap = await live(["B", "A", "C", "A", "A", "A"], delay);
  strong = await live(["A"], delay);
  const { values, close } = await localKeyValues(root, join(folder, "state"));
  const create = async () => {
    const scopes: KeyWish["scopes"] = ["answer", "usage"];
    const wish = { tenant: "clinic-a", scopes, adapters: null, quota: null, spend_day: CAP };
    const { key, record } = await makeKey(wish, new Date());
    await kvKeyStore(values).put(record);
    return key;
  };
  keys = await Promise.all(Array.from({ length: KEYS }, create));
  await close();
  const of = (name: "cheap" | "strong", { url }: LiveLlm) => {
    return { name, base_url: url, model: name, price: price[name], max_tokens: 40 };
  };
  worker = await startWorker(folder, {
    LLMS: JSON.stringify([of("cheap", cheap), of("strong", strong)]),
    PLANS: JSON.stringify([
      { name: "careful", stages: [{ llms: { cheap: 3 } }, { llms: { strong: 1 } }] },
    ]),
  });
});

afterAll(async () => {
  await endStack(folder);
  for (const { server } of [cheap, strong]) {
    server.close();
    server.closeAllConnections();
  }
});

async function send(key: string, path: string, body?: object) {
  const response = await fetch(`${worker.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: bodies of several shapes, looked at member by member
  return { status: response.status, body: (await response.json()) as any };
}

it("hundreds at once: no key is over its cap, and the ledger counts what the LLMs have billed", async () => {
  const question = {
    question: "Which mineral do the bones store most of?",
    options: { A: "Calcium", B: "Iron", C: "Zinc" },
  };
  const all = keys.flatMap((key) => Array.from({ length: REQUESTS }, () => key));
  const replies = await Promise.all(all.map((key) => send(key, "/v1/answer", question)));
  const served = replies.filter(({ status }) => status === 200);
  const refused = replies.filter(({ body }) => body.code === "spending_cap_reached");
  expect(served.length + refused.length).toBe(KEYS * REQUESTS);
  expect(served.length).toBeGreaterThan(KEYS * 10);
  expect(refused.length).toBeGreaterThan(KEYS * 10);
  const told = served.reduce((sum, { body }) => sum + body.cost.micros, 0);
  const bill = ({ billed }: LiveLlm, { in: prompt, out }: { in: number; out: number }) =>
    billed.prompt * prompt + billed.completion * out;
  const saw = bill(cheap, price.cheap) + bill(strong, price.strong);
  expect(told).toBe(saw);
  const cap = readMoney(CAP) ?? 0;
  let sum = 0;
  for (const key of keys) {
    // Settled in the background: until nothing is held.
    await expect
      .poll(async () => (await send(key, "/v1/usage")).body.spending[0].held.micros, {
        ...{ timeout: 10_000, interval: 500 },
      })
      .toBe(0);
    const { spent } = (await send(key, "/v1/usage")).body.spending[0];
    expect(spent.micros).toBeLessThanOrEqual(cap);
    sum += spent.micros;
  }
  expect(sum).toBe(saw);
  const byLlm = (await send(keys[0] ?? "", "/v1/usage?group_by=llm")).body.data;
  expect(byLlm).toMatchObject([
    { llm: "cheap", cost: { micros: bill(cheap, price.cheap) } },
    { llm: "strong", cost: { micros: bill(strong, price.strong) } },
  ]);
});
