/** Spending caps over HTTP, with several LLMs of known prices behind the Worker: by key, and by user of an app. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { durableLedger } from "../../../src/worker/ledger/ledger.ts";
import { bindings } from "../access/bindings.ts";
import { claims, issuerKey, token, tokenRules } from "../access/tokens.ts";
import { isolate, newKey } from "../access/worker.ts";
import {
  CACHED_TOKENS,
  configured,
  fakeLlms,
  PROMPT_TOKENS,
  type Seen,
  TOKENS_EACH,
} from "../plans/llms.ts";
import { reservation, used } from "./fixtures.ts";

const ask = { question: "Which one is it?", options: { A: "one", B: "two", C: "three" } };
const price = { cheap: { in: 1, out: 4 }, strong: { in: 20, out: 80, cached: 5 } };
const llms = {
  cheap: { price: price.cheap, max_tokens: 50, tags: ["region:us"] },
  strong: { price: price.strong, max_tokens: 50, tags: ["region:eu"] },
  unpriced: {},
};
const plans = [
  { name: "careful", stages: [{ llms: { cheap: 3 } }, { llms: { strong: 1 } }] },
  { name: "sure", stages: [{ llms: { cheap: 2 } }] },
  { name: "standby", stages: [{ llms: { cheap: 2 }, instead: ["strong"] }] },
  { name: "half-priced", stages: [{ llms: { cheap: 1 } }, { llms: { unpriced: 1 } }] },
];
const variables = configured(llms, plans, { LLM_CURRENCY: "EUR" });
const sure = { cheap: { says: ["B"] }, strong: { says: ["C"] }, unpriced: { says: ["C"] } };

/** What a call cost, by what the LLM itself saw. */
function billed({ llm, n }: Seen): number {
  const fresh = PROMPT_TOKENS - CACHED_TOKENS;
  return llm === "cheap"
    ? PROMPT_TOKENS * price.cheap.in + TOKENS_EACH * n * price.cheap.out
    : fresh * price.strong.in +
        CACHED_TOKENS * price.strong.cached +
        TOKENS_EACH * n * price.strong.out;
}

beforeEach(() => {
  vi.spyOn(console, "log").mockReturnValue();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** The most that a request of the plan can cost, as the refusal of a cap of nothing tells it. */
async function worstOf(body: object): Promise<number> {
  const call = await isolate(variables);
  const { key } = await newKey({ spend_day: "0" });
  const refused = await call("/v1/answer", { key, body: { ...ask, ...body } });
  expect(refused.status).toBe(429);
  return Math.round(Number(refused.body.spending.request) * 1e6);
}

const NO_LIMIT: RateLimit = { limit: async () => ({ success: true }) };
const text = (micros: number) => (micros / 1e6).toFixed(6);

describe("a key with a spending cap", () => {
  it("is refused by name before an LLM is asked, and told when the cap begins anew", async () => {
    const { seen } = fakeLlms(sure);
    const call = await isolate(variables);
    const { key } = await newKey({ spend_day: "0.000001", scopes: ["answer", "usage"] });
    const refused = await call("/v1/chat/completions", {
      key,
      body: { model: "sure", messages: [{ role: "user", content: "Which? A) one B) two" }] },
    });
    expect(refused.status).toBe(429);
    expect(refused.body.error).toMatchObject({
      ...{ type: "insufficient_quota", code: "spending_cap_reached" },
    });
    const { spending } = refused.body;
    expect(spending).toMatchObject({
      ...{ of: "key", period: "day", cap: "0.000001", spent: "0.000000", held: "0.000000" },
    });
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    expect(spending.resets_at).toBe(`${tomorrow}T00:00:00.000Z`);
    const wait = Number(refused.headers.get("retry-after"));
    expect(Math.abs(Date.parse(spending.resets_at) - Date.now() - wait * 1_000)).toBeLessThan(
      10_000,
    );
    expect(seen).toEqual([]);
    const usage = await call("/v1/usage", { key });
    expect(usage.body.data).toEqual([]);
  });

  it("is held to the most that all stages and stand-ins can cost, and to the request's own bound", async () => {
    fakeLlms(sure);
    const cheap = await worstOf({ model: "sure" });
    const careful = await worstOf({ model: "careful" });
    const standby = await worstOf({ model: "standby" });
    // By tokens of the prompt P: cheap 2 P + 2 * 50 * 4; careful 3 P + 600 and 20 P + 50 * 80; standby all by the dearer.
    const prompt = (cheap - 400) / 2;
    expect(prompt).toBeGreaterThan(100);
    expect(careful).toBe(3 * prompt + 600 + 20 * prompt + 4_000);
    expect(standby).toBe(2 * (20 * prompt + 4_000));
    expect(await worstOf({ model: "careful", stages: 1 })).toBe(3 * prompt + 600);
    const bound = 3 * prompt + 700;
    expect(await worstOf({ model: "careful", max_cost: text(bound) })).toBe(bound);
  });

  it("is warned from 80 % on, in a header and in the log", async () => {
    const log = vi.spyOn(console, "log").mockReturnValue();
    fakeLlms(sure);
    const call = await isolate(variables);
    const worst = await worstOf({ model: "sure" });
    const cost = PROMPT_TOKENS * 1 + 2 * TOKENS_EACH * 4;
    const cap = 6 * worst;
    const { key } = await newKey({ spend_month: text(cap) });
    for (let spent = 0; spent + worst <= cap; spent += cost) {
      const { status, headers } = await call("/v1/answer", {
        key,
        body: { ...ask, model: "sure" },
      });
      expect(status).toBe(200);
      const warning = headers.get("x-medadapter-spend-warning");
      expect(warning !== null).toBe(spent >= 0.8 * cap);
    }
    const last = await call("/v1/answer", { key, body: { ...ask, model: "sure" } });
    expect(last.status).toBe(429);
    expect(last.headers.get("x-medadapter-spend-warning")).toMatch(
      /^key-month;spent="0\.\d{6}";cap="0\.\d{6}";reset=\d+$/,
    );
    const logged = log.mock.calls.map(([line]) => JSON.parse(String(line)));
    // The first is that of `worstOf`.
    const [, ...percent] = logged.flatMap(({ spendPercent }) => spendPercent ?? []);
    expect(percent).toEqual(percent.map((_, at) => Math.floor((at * cost * 100) / cap)));
    expect(percent.at(-1)).toBeGreaterThan(80);
  });

  it("is refused an LLM without a price, by name, also where it stands in a later stage", async () => {
    const { seen } = fakeLlms(sure);
    const call = await isolate(variables);
    const capped = await newKey({ spend_day: "1000" });
    for (const model of ["unpriced", "half-priced"]) {
      const { status, body } = await call("/v1/answer", {
        ...{ key: capped.key, body: { ...ask, model, ...(model === "unpriced" ? { k: 1 } : {}) } },
      });
      expect([status, body.code]).toEqual([403, "llm_price_unknown"]);
    }
    expect(seen).toEqual([]);
    const body = { ...ask, model: "half-priced", stages: 1 };
    expect((await call("/v1/answer", { key: capped.key, body })).status).toBe(200);
    const { key } = await newKey();
    expect((await call("/v1/answer", { key, body: { ...ask, model: "unpriced" } })).status).toBe(
      200,
    );
  });

  it("is served by five hundred at once up to its cap, never past it, and counted to what the LLMs saw", async () => {
    const { seen } = fakeLlms({ cheap: { says: ["A", "B", "C"] }, strong: { says: ["C"] } });
    // The rate limit is no part of this.
    const call = await isolate({ ...variables, RATE_LIMIT: NO_LIMIT });
    const worst = await worstOf({ model: "careful" });
    const cap = 20 * worst + 7;
    const { key } = await newKey({ spend_day: text(cap), scopes: ["answer", "usage"] });
    const one = () => call("/v1/answer", { key, body: { ...ask, model: "careful" } });
    const answers = await Promise.all(Array.from({ length: 500 }, one));
    const served = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ body }) => body.code === "spending_cap_reached");
    expect(served.length).toBeGreaterThanOrEqual(20);
    expect(served.length + refused.length).toBe(500);
    const told = served.reduce((sum, { body }) => sum + body.cost.micros, 0);
    const saw = seen.reduce((sum, one) => sum + billed(one), 0);
    const { body } = await call("/v1/usage?group_by=llm", { key });
    const counted = body.data.map(({ llm, cost }: never) => [llm, cost]);
    const of = (llm: string) =>
      seen.filter((one) => one.llm === llm).reduce((sum, one) => sum + billed(one), 0);
    expect(told).toBe(saw);
    expect(saw).toBeLessThanOrEqual(cap);
    expect(counted).toEqual(
      ["cheap", "strong"].map((llm) => [
        llm,
        { amount: text(of(llm)), currency: "EUR", micros: of(llm) },
      ]),
    );
    expect(body.spending).toMatchObject([
      { of: "key", period: "day", spent: { micros: saw }, held: { micros: 0 } },
    ]);
  });
});

describe("a client that leaves while the LLM writes", () => {
  it("has spent an estimate, so that leaving early is no way around a cap", async () => {
    const { seen } = fakeLlms({ cheap: { says: ["B"], gate: new Promise(() => {}) } });
    const call = await isolate(variables);
    const worst = await worstOf({ model: "sure" });
    const { key } = await newKey({ spend_day: text(worst), scopes: ["answer", "usage"] });
    const client = new AbortController();
    const body = { ...ask, model: "sure" };
    const asked = call("/v1/answer", { key, body, signal: client.signal });
    await expect.poll(() => seen.length).toBe(1);
    client.abort();
    expect((await asked).status).toBe(499);
    const usage = (await call("/v1/usage", { key })).body;
    const spent = usage.spending[0].spent.micros;
    // Two candidates of at most 50 tokens at 4, and the prompt.
    expect(spent).toBeGreaterThan(2 * 50 * 4);
    expect(spent).toBeLessThan(worst);
    expect(usage.data).toMatchObject([
      { requests: 1, completion_tokens: 0, cost: { micros: spent } },
    ]);
    expect((await call("/v1/answer", { key, body })).body.code).toBe("spending_cap_reached");
  });
});

describe("a stream", () => {
  it("is warned in its head, and refused before its first byte, like a plain answer", async () => {
    fakeLlms(sure);
    const call = await isolate(variables);
    const cap = 20 * (await worstOf({ model: "sure" }));
    const { key, id, tenant } = await newKey({ spend_day: text(cap) });
    const headers = { accept: "text/event-stream" };
    const stream = () => call("/v1/answer", { key, headers, body: { ...ask, model: "sure" } });
    const spend = async (name: string, costMicros: number) => {
      const ledger = durableLedger(bindings.LEDGER, tenant, null);
      await ledger.reserve(reservation(name, { keyId: id }));
      const tokens = { promptTokens: 1, cachedTokens: 0, completionTokens: 1, requests: 1 };
      await ledger.settle(name, { ...used, llms: [{ llm: "cheap", ...tokens, costMicros }] });
    };
    expect((await stream()).headers.has("x-medadapter-spend-warning")).toBe(false);
    await spend("r1", 0.8 * cap);
    const warned = await stream();
    expect(warned.headers.get("content-type")).toContain("text/event-stream");
    expect(warned.headers.get("x-medadapter-spend-warning")).toMatch(/^key-day;/);
    await spend("r2", 0.2 * cap);
    const refused = await stream();
    expect([refused.status, refused.body.code]).toEqual([429, "spending_cap_reached"]);
  });
});

describe("a user of an app", () => {
  const rules = {
    JWT_ISSUER: tokenRules.issuer,
    JWT_AUDIENCE: tokenRules.audience,
    JWT_JWKS_URL: "https://issuer.example/jwks.json",
    JWT_SPEND_DAY_CLAIM: "spend_day",
    JWT_LLMS_CLAIM: "llms",
  };

  it("has the deployment's cap, or the one of its token, and no part in those of others", async () => {
    const issuer = await issuerKey("ES256", "ec-1");
    fakeLlms(sure);
    const worst = await worstOf({ model: "sure" });
    const cost = PROMPT_TOKENS * 1 + 2 * TOKENS_EACH * 4;
    const llm = vi.mocked(globalThis.fetch).getMockImplementation();
    vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
      if (String(url) === rules.JWT_JWKS_URL) return Response.json({ keys: [issuer.publicJwk] });
      return llm?.(url, init) ?? Response.error();
    });
    const call = await isolate({
      ...variables,
      ...rules,
      RATE_LIMIT: NO_LIMIT,
      USER_SPEND_DAY: text(worst + cost),
    });
    const tenant = `t-${crypto.randomUUID().slice(0, 8)}`;
    const user = async (sub: string, more: object = {}) => {
      const scope = "answer usage";
      const key = await token(issuer, { ...claims(), ...{ tenant, sub, scope }, ...more });
      return async (body: object = { model: "sure" }) =>
        call("/v1/answer", { key, body: { ...ask, ...body } });
    };
    const [one, two] = [await user("one"), await user("two")];
    const seen = async (scopes: string, query: string) => {
      const key = await token(issuer, { ...claims(), ...{ tenant, sub: "one", scope: scopes } });
      return call(`/v1/usage?${query}`, { key });
    };
    expect((await one()).status).toBe(200);
    expect((await one()).status).toBe(200);
    const refused = await one();
    expect(refused.body).toMatchObject({
      ...{ code: "spending_cap_reached", spending: { of: "user", period: "day" } },
    });
    expect((await two()).status).toBe(200);
    const told = (await seen("usage", "users=2")).body;
    expect(told.users).toMatchObject([
      { spent_day: { micros: 2 * cost }, spent_month: { micros: 2 * cost, currency: "EUR" } },
      { spent_day: { micros: cost } },
    ]);
    expect(JSON.stringify(told.users)).not.toContain("one");
    expect(told.users[0].user).toMatch(/^token-[0-9a-f]{32}$/);
    expect(told.spending).toMatchObject([
      { of: "user", period: "day", spent: { micros: 2 * cost }, held: { micros: 0 } },
    ]);
    expect((await seen("answer", "users=2")).status).toBe(403);
    const rich = await user("one", { spend_day: "5" });
    expect((await rich()).status).toBe(200);
    const poor = await user("three", { spend_day: 0 });
    expect((await poor()).status).toBe(429);
    // What is no money is no cap: such a token is refused as a whole.
    const odd = await user("four", { spend_day: "a lot" });
    expect((await odd()).status).toBe(401);
    const bound = await user("five", { llms: ["region:eu"], spend_day: "5" });
    expect((await bound({ model: "careful" })).body.llm).toBe("strong");
    expect((await bound()).status).toBe(404);
  });
});
