/** A ledger that is unreachable, slow or started anew while a request is under way: real objects, blocked and ended. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LedgerNamespace } from "../../../src/worker/ledger/ledger.ts";
import { bindings } from "../access/bindings.ts";
import { deployed, fakeLlm, isolate, newKey } from "../access/worker.ts";

const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

const objectOf = (tenant: string) => bindings.LEDGER.get(bindings.LEDGER.idFromName(tenant));

/** The ledgers' namespace, each call of an object handed to `around`. */
function seen(
  around: (name: string, call: () => Promise<unknown>) => Promise<unknown>,
): LedgerNamespace {
  const namespace = {
    idFromName: (name: string) => bindings.LEDGER.idFromName(name),
    get: (id: DurableObjectId) =>
      new Proxy(
        {},
        {
          get:
            (_, name: string) =>
            (...values: unknown[]) =>
              around(name, async () => {
                const stub = bindings.LEDGER.get(id) as unknown as Record<
                  string,
                  (...values: unknown[]) => Promise<unknown>
                >;
                return stub[name]?.(...values);
              }),
        },
      ),
  };
  return namespace as unknown as LedgerNamespace;
}

/** What was counted for a key, by a ledger that is well. */
async function counted(key: string) {
  return (await (await deployed())("/v1/usage", { key })).body.data;
}

describe("a ledger that is unreachable", () => {
  it("refuses on every route, asks nothing, counts nothing; when it is back all is well", async () => {
    const llm = fakeLlm();
    // Local workerd knows no jurisdictions, so that every call of the object fails.
    const down = await deployed({ LEDGER_JURISDICTION: "eu" });
    const { key } = await newKey({ quota: 1 });
    const messages = [{ role: "user", content: "Is water wet?" }];
    for (const [path, body] of [
      ["/v1/answer", ask],
      ["/v1/chat/completions", { model: "replay", messages }],
      ["/v1/chat/completions", { model: "replay", messages, stream: true }],
      ["/v1/rerank", { query: "q", documents: ["d"] }],
    ] as const) {
      const refused = await down(path, { key, body });
      expect([refused.status, refused.body.code]).toEqual([503, "ledger_unavailable"]);
      expect(refused.headers.get("retry-after")).toBe("2");
    }
    expect(llm.requests).toBe(0);
    expect(await counted(key)).toEqual([]);
    expect((await (await deployed())("/v1/answer", { key, body: ask })).status).toBe(200);
    expect(await counted(key)).toMatchObject([{ requests: 1, llm_requests: 1 }]);
  });

  it("only on the way back gives the place in the quota back too", async () => {
    const llm = fakeLlm();
    // The object has noted the request; its answer is lost.
    const call = await isolate({
      LEDGER: seen(async (name, ask) => {
        const value = await ask();
        if (name === "reserve") throw new Error("connection lost");
        return value;
      }),
    });
    const { key } = await newKey({ quota: 1 });
    for (let tries = 0; tries < 2; tries += 1) {
      expect((await call("/v1/answer", { key, body: ask })).body.code).toBe("ledger_unavailable");
    }
    expect(llm.requests).toBe(0);
    expect(await counted(key)).toEqual([]);
    expect((await (await deployed())("/v1/answer", { key, body: ask })).status).toBe(200);
  });
});

describe("a ledger that is slow", () => {
  /** A Worker that notes what happens in which order, and a ledger that waits where `slow` says. */
  async function noting(slow: string) {
    const events: string[] = [];
    const hold = { on: true };
    const llm = fakeLlm();
    const asking = vi.mocked(globalThis.fetch);
    const answers = asking.getMockImplementation();
    asking.mockImplementation((...asked) => {
      events.push("llm asked");
      return answers?.(...asked) ?? Promise.reject(new Error("no LLM"));
    });
    const { key, tenant } = await newKey();
    const call = await isolate({
      LEDGER: seen(async (name, ask) => {
        events.push(`${name} asked`);
        if (name === slow) await block(tenant, hold);
        const value = await ask();
        events.push(`${name} answered`);
        return value;
      }),
    });
    const answer = call("/v1/answer", { key, body: ask, onAnswer: () => events.push("answer") });
    return { events, hold, llm, key, answer };
  }

  /** From now on the tenant's object takes nothing in until it is no more held. */
  async function block(tenant: string, hold: { on: boolean }): Promise<void> {
    const begun = { yet: false };
    void runInDurableObject(objectOf(tenant), (_, state) =>
      state.blockConcurrencyWhile(async () => {
        begun.yet = true;
        while (hold.on) await pause(5);
      }),
    );
    while (!begun.yet) await pause(1);
  }

  it("to let a request in: the LLM is asked when it has, and the answer waits for no more than that", async () => {
    const { events, hold, llm, key, answer } = await noting("reserve");
    await expect.poll(() => events).toEqual(["reserve asked"]);
    await pause(100);
    expect(llm.requests).toBe(0);
    hold.on = false;
    expect((await answer).status).toBe(200);
    expect(events.slice(0, 3)).toEqual(["reserve asked", "reserve answered", "llm asked"]);
    expect(events).toContain("answer");
    expect(await counted(key)).toMatchObject([{ requests: 1, llm_requests: 1 }]);
  });

  it("to settle: the caller has the answer before, and it is counted once after", async () => {
    const { events, hold, key, answer } = await noting("settle");
    await expect.poll(() => events).toContain("answer");
    expect(events).not.toContain("settle answered");
    hold.on = false;
    expect((await answer).status).toBe(200);
    expect(events.at(-1)).toBe("settle answered");
    expect(await counted(key)).toMatchObject([{ requests: 1, estimated_requests: 0 }]);
  });
});

describe("a ledger whose answer to a settlement is lost", () => {
  it.each([
    ["has settled", true],
    ["has not", false],
  ])("where it %s: asked again, settled once", async (_, reached) => {
    fakeLlm();
    let settlements = 0;
    const call = await isolate({
      LEDGER: seen(async (name, ask) => {
        if (name !== "settle") return ask();
        settlements += 1;
        if (settlements > 1) return ask();
        if (reached) await ask();
        throw new Error("connection lost");
      }),
    });
    const { key } = await newKey();
    expect((await call("/v1/answer", { key, body: ask })).status).toBe(200);
    expect(settlements).toBe(2);
    const once = { requests: 1, llm_requests: 1, estimated_requests: 0 };
    expect(await counted(key)).toMatchObject([once]);
  });
});

describe("a ledger that is started anew between reserve and settle", () => {
  it.each([
    ["ends", (tenant: string) => evictDurableObject(objectOf(tenant))],
    [
      "crashes",
      (tenant: string) =>
        runInDurableObject(objectOf(tenant), (_, state) => state.abort("crash")).catch(() => {}),
    ],
  ])("because it %s: answered, and settled once", async (_, end) => {
    const llm = fakeLlm();
    const gate = Promise.withResolvers<void>();
    llm.gate = gate.promise;
    const call = await deployed();
    const { key, tenant } = await newKey({ quota: 2 });
    const asked = call("/v1/answer", { key, body: ask });
    await expect.poll(() => llm.requests).toBe(1);
    await end(tenant);
    gate.resolve();
    expect((await asked).status).toBe(200);
    const once = { requests: 1, llm_requests: 1, completion_tokens: 6, estimated_requests: 0 };
    expect(await counted(key)).toMatchObject([once]);
    const next = await call("/v1/answer", { key, body: ask });
    expect(next.status).toBe(200);
    expect(next.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(await counted(key)).toMatchObject([{ requests: 2, estimated_requests: 0 }]);
  });
});
