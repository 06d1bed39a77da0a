/** The ledger counts every request once: settled, released or given up; never over its quota. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { dayOf } from "../../../src/worker/ledger/calendar.ts";
import { estimate, newLedger, reservation, totals, used } from "./fixtures.ts";

/** No LLM had a price, and none was asked. */
const free = { costMicros: 0, unpricedRequests: 0 };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("a reservation", () => {
  it("is counted when it is settled, by what was used", async () => {
    const { ledger } = newLedger();
    expect(await ledger.reserve(reservation("r1"))).toEqual({
      ...{ kind: "granted", limit: null, caps: [] },
    });
    expect(await totals(ledger)).toEqual([]);
    expect(await ledger.settle("r1", used)).toBe("settled");
    const { adapter: _adapter, llms: _llms, ...counts } = used;
    expect(await totals(ledger)).toEqual([{ ...counts, ...free, estimatedRequests: 0 }]);
  });

  it("is settled once, however often and at the same time", async () => {
    const { ledger } = newLedger();
    await ledger.reserve(reservation("r1"));
    const results = await Promise.all(Array.from({ length: 20 }, () => ledger.settle("r1", used)));
    expect(results.filter((result) => result === "settled")).toHaveLength(1);
    expect(await totals(ledger)).toMatchObject([{ requests: 1, completionTokens: 777 }]);
  });

  it("takes each request id once, while it runs and after", async () => {
    const { ledger } = newLedger();
    await ledger.reserve(reservation("r1"));
    expect((await ledger.reserve(reservation("r1"))).kind).toBe("duplicate");
    await ledger.settle("r1", used);
    expect((await ledger.reserve(reservation("r1"))).kind).toBe("duplicate");
    expect(await ledger.settle("r1", used)).toBe("none");
    expect(await totals(ledger)).toMatchObject([{ requests: 1 }]);
  });

  it("costs nothing when it is released", async () => {
    const { ledger } = newLedger();
    await ledger.reserve(reservation("r1", { quota: 1 }));
    expect(await ledger.release("r1")).toBe("settled");
    expect(await ledger.settle("r1", used)).toBe("none");
    expect(await totals(ledger)).toEqual([]);
    expect((await ledger.reserve(reservation("r2", { quota: 1 }))).kind).toBe("granted");
  });

  it("of what is free takes no place in the quota while it runs", async () => {
    const { ledger } = newLedger();
    const free = { ...estimate, requests: 0 };
    await ledger.reserve(reservation("r1", { estimate: free }));
    const granted = await ledger.reserve(reservation("r2", { quota: 1 }));
    expect(granted).toMatchObject({ kind: "granted", limit: { limit: 1, remaining: 0 } });
    expect((await ledger.reserve(reservation("r3", { quota: 1 }))).kind).toBe("quota_exceeded");
  });

  it("never made cannot be settled", async () => {
    const { ledger } = newLedger();
    expect(await ledger.settle("nobody", used)).toBe("none");
    expect(await totals(ledger)).toEqual([]);
  });

  it("survives the object's end", async () => {
    const { ledger, stub } = newLedger();
    await ledger.reserve(reservation("r1"));
    await evictDurableObject(stub);
    expect(await ledger.settle("r1", used)).toBe("settled");
    await evictDurableObject(stub);
    expect(await totals(ledger)).toMatchObject([{ requests: 1 }]);
  });
});

describe("an orphan", () => {
  it("is counted once by its own alarm, as an estimate", async () => {
    const { ledger, stub } = newLedger();
    await ledger.reserve(reservation("dead", { holdMs: 150 }));
    await ledger.reserve(reservation("alive"));
    await expect.poll(() => totals(ledger), { timeout: 5_000 }).toHaveLength(1);
    await runDurableObjectAlarm(stub);
    const { adapter: _adapter, llms: _llms, ...counts } = estimate;
    expect(await totals(ledger)).toEqual([{ ...counts, ...free, estimatedRequests: 1 }]);
    expect(await ledger.settle("dead", used)).toBe("none");
    await ledger.settle("alive", used);
    expect(await totals(ledger)).toMatchObject([{ requests: 2, estimatedRequests: 1 }]);
  });

  it("is not touched before its time", async () => {
    const { ledger, stub } = newLedger();
    await ledger.reserve(reservation("r1"));
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await totals(ledger)).toEqual([]);
    expect(await ledger.settle("r1", used)).toBe("settled");
  });

  it("keeps its place in the quota", async () => {
    const { ledger, stub } = newLedger();
    await ledger.reserve(reservation("r1", { quota: 1, holdMs: 1 }));
    await pause(20);
    await runDurableObjectAlarm(stub);
    expect((await ledger.reserve(reservation("r2", { quota: 1 }))).kind).toBe("quota_exceeded");
  });
});

describe("a quota", () => {
  it("lets exactly so many through, however many come at once", async () => {
    const { ledger } = newLedger();
    const asked = Array.from({ length: 60 }, (_, at) =>
      ledger.reserve(reservation(`r${at}`, { quota: 25 })),
    );
    const kinds = (await Promise.all(asked)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "granted")).toHaveLength(25);
    expect(kinds.filter((kind) => kind === "quota_exceeded")).toHaveLength(35);
  });

  it("says what is left, and when the month ends", async () => {
    const { ledger } = newLedger();
    const now = new Date();
    const monthEnd = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
    const first = await ledger.reserve(reservation("r1", { quota: 2 }));
    const second = await ledger.reserve(reservation("r2", { quota: 2 }));
    const third = await ledger.reserve(reservation("r3", { quota: 2 }));
    expect(first).toMatchObject({ kind: "granted", limit: { limit: 2, remaining: 1 } });
    expect(second).toMatchObject({ kind: "granted", limit: { limit: 2, remaining: 0 } });
    expect(third).toMatchObject({ kind: "quota_exceeded", limit: { limit: 2, remaining: 0 } });
    const reset = "limit" in third ? (third.limit?.resetMs ?? 0) : 0;
    expect(Math.abs(now.getTime() + reset - monthEnd)).toBeLessThan(5_000);
  });

  it("is each key's own, and does not end when requests are settled", async () => {
    const { ledger } = newLedger();
    await ledger.reserve(reservation("r1", { quota: 1 }));
    await ledger.settle("r1", used);
    expect((await ledger.reserve(reservation("r2", { quota: 1 }))).kind).toBe("quota_exceeded");
    const other = reservation("r3", { quota: 1, keyId: "k2" });
    expect((await ledger.reserve(other)).kind).toBe("granted");
    expect((await ledger.reserve(reservation("r4"))).kind).toBe("granted");
  });

  it("of 0 lets nothing through", async () => {
    const { ledger } = newLedger();
    expect((await ledger.reserve(reservation("r1", { quota: 0 }))).kind).toBe("quota_exceeded");
  });
});

describe("usage", () => {
  it("is told by day, key and adapter version, in any grouping", async () => {
    const { ledger } = newLedger();
    const settle = async (id: string, keyId: string, adapter: string | null) => {
      await ledger.reserve(reservation(id, { keyId }));
      await ledger.settle(id, { ...used, adapter });
    };
    await settle("r1", "k1", "mini@1");
    await settle("r2", "k1", "mini@2");
    await settle("r3", "k2", "mini@2");
    await settle("r4", "k2", null);
    const day = dayOf(Date.now());
    const days = { from: day, to: day };
    const byKey = await ledger.usage({ ...days, groupBy: ["key"], keyId: null });
    expect(byKey.map(({ key, requests }) => [key, requests])).toEqual([
      ["k1", 2],
      ["k2", 2],
    ]);
    const byAdapter = await ledger.usage({ ...days, groupBy: ["adapter"], keyId: null });
    expect(byAdapter.map(({ adapter, requests }) => [adapter, requests])).toEqual([
      [null, 1],
      ["mini@1", 1],
      ["mini@2", 2],
    ]);
    const all = await ledger.usage({ ...days, groupBy: ["day", "key", "adapter"], keyId: null });
    expect(all).toHaveLength(4);
    expect(all[0]).toMatchObject({ day, key: "k1", adapter: "mini@1", completionTokens: 777 });
    const own = await ledger.usage({ ...days, groupBy: [], keyId: "k2" });
    expect(own).toMatchObject([{ requests: 2, candidates: 14 }]);
    expect(
      await ledger.usage({ from: "2001-01-01", to: "2001-12-31", groupBy: ["day"], keyId: null }),
    ).toEqual([]);
  });

  it("stays whole numbers, whatever an LLM says that it used", async () => {
    const { ledger } = newLedger();
    const claims = [1e308, Number.NaN, Number.POSITIVE_INFINITY, -5, 2.7];
    for (const [at, completionTokens] of claims.entries()) {
      await ledger.reserve(reservation(`r${at}`));
      await ledger.settle(`r${at}`, { ...used, completionTokens });
    }
    const [row] = await totals(ledger);
    expect(row).toMatchObject({ requests: 5, completionTokens: 2_000_000_002 });
  });

  it("of another tenant is not seen", async () => {
    const { ledger } = newLedger();
    await ledger.reserve(reservation("r1"));
    await ledger.settle("r1", used);
    expect(await totals(newLedger().ledger)).toEqual([]);
  });
});
