/** Money in the ledger: exact sums, caps that hold whatever comes at once, objects that an older version filled. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { dayOf } from "../../../src/worker/ledger/calendar.ts";
import type { LlmSpent, SpendCap, SpendWish } from "../../../src/worker/ledger/spend.ts";
import { UsageTables } from "../../../src/worker/ledger/usageTables.ts";
import { UserSpend } from "../../../src/worker/ledger/userSpend.ts";
import { estimate, newLedger, reservation, totals, used } from "./fixtures.ts";

const ever = { from: "2000-01-01", to: "2999-12-31", keyId: null };
const keyDay = (micros: number): SpendCap => ({ of: "key", period: "day", micros });
const userDay = (micros: number): SpendCap => ({ of: "user", period: "day", micros });

const part = (llm: string, costMicros: number | null): LlmSpent => ({
  ...{ llm, promptTokens: 100, cachedTokens: 40, completionTokens: 10, requests: 1, costMicros },
});

/** A reservation that may cost `worstMicros`. */
function asking(id: string, worstMicros: number, changes: Partial<SpendWish> = {}) {
  return reservation(id, { spend: { worstMicros, caps: [], user: null, ...changes } });
}

describe("what requests cost", () => {
  it("is summed to the micro-unit, by key, day and LLM; a request counts for each LLM that it asked", async () => {
    const { ledger } = newLedger();
    for (const [at, llms] of [
      [part("cheap", 3)],
      [part("cheap", 5), part("strong", 1_000_001)],
      [part("strong", null)],
    ].entries()) {
      await ledger.reserve(asking(`r${at}`, 2_000_000));
      await ledger.settle(`r${at}`, { ...used, llms });
    }
    expect(await totals(ledger)).toMatchObject([
      { requests: 3, costMicros: 1_000_009, unpricedRequests: 1 },
    ]);
    const byLlm = await ledger.usage({ ...ever, groupBy: ["day", "key", "llm"] });
    const day = dayOf(Date.now());
    const tokens = (n: number) => ({
      ...{ promptTokens: 100 * n, cachedTokens: 40 * n, completionTokens: 10 * n, llmRequests: n },
      estimatedRequests: 0,
    });
    expect(byLlm).toEqual([
      {
        ...{ day, key: "k1", llm: "cheap", requests: 2, ...tokens(2) },
        ...{ costMicros: 8, unpricedRequests: 0 },
      },
      {
        ...{ day, key: "k1", llm: "strong", requests: 2, ...tokens(2) },
        ...{ costMicros: 1_000_001, unpricedRequests: 1 },
      },
    ]);
  });

  it("stays whole money, whatever an LLM claims", async () => {
    const { ledger } = newLedger();
    for (const [at, micros] of [1e308, Number.NaN, Number.POSITIVE_INFINITY, -5, 2.7].entries()) {
      await ledger.reserve(asking(`r${at}`, 1));
      await ledger.settle(`r${at}`, { ...used, llms: [part("a", micros)] });
    }
    expect(await totals(ledger)).toMatchObject([{ costMicros: 2_000_000_000_002 }]);
  });

  it("of a request that nobody settled is its estimate, by LLM and by user, once", async () => {
    const { ledger, stub } = newLedger();
    const caps = [userDay(100)];
    const thought = { ...estimate, llms: [part("cheap", 60)] };
    await ledger.reserve(
      reservation("dead", {
        ...{ estimate: thought, holdMs: 1 },
        spend: { worstMicros: 90, caps, user: "token-1" },
      }),
    );
    const swept = async () => {
      await runDurableObjectAlarm(stub);
      return totals(ledger);
    };
    await expect
      .poll(swept, { timeout: 5_000 })
      .toMatchObject([{ costMicros: 60, estimatedRequests: 1 }]);
    expect(await ledger.settle("dead", { ...used, llms: [part("cheap", 1)] })).toBe("none");
    expect(await ledger.usage({ ...ever, groupBy: ["llm"] })).toMatchObject([
      { llm: "cheap", requests: 1, estimatedRequests: 1, costMicros: 60 },
    ]);
    expect(await ledger.caps("token", { caps, user: "token-1" })).toMatchObject([
      { spentMicros: 60, heldMicros: 0 },
    ]);
  });
});

describe("a spending cap", () => {
  it("is never passed, by however many at once, and what is settled is exact", async () => {
    const { ledger } = newLedger();
    const [cap, worst, cost] = [keyDay(10_000), 97, 41];
    let granted = 0;
    // Each takes its turn: reserve, work, settle. Five hundred run at the same time.
    const run = async (at: number) => {
      const { kind } = await ledger.reserve(asking(`r${at}`, worst, { caps: [cap] }));
      if (kind !== "granted") return kind;
      granted += 1;
      await ledger.settle(`r${at}`, { ...used, llms: [part("a", cost + (at % 7))] });
      return kind;
    };
    const kinds = await Promise.all(Array.from({ length: 500 }, (_, at) => run(at)));
    expect(new Set(kinds)).toEqual(new Set(["granted", "cap_reached"]));
    const settled = kinds.reduce((sum, kind, at) => {
      return kind === "granted" ? sum + cost + (at % 7) : sum;
    }, 0);
    const [state] = await ledger.caps("k1", { caps: [cap], user: null });
    expect(state).toMatchObject({ spentMicros: settled, heldMicros: 0 });
    expect(settled).toBeLessThanOrEqual(cap.micros);
    expect(await totals(ledger)).toMatchObject([{ requests: granted, costMicros: settled }]);
    // What is left is taken up to the last request that fits.
    let more = 500;
    while ((await run(more)) === "granted") more += 1;
    const [full] = await ledger.caps("k1", { caps: [cap], user: null });
    expect(full?.spentMicros).toBeLessThanOrEqual(cap.micros);
    expect(full?.spentMicros).toBeGreaterThan(cap.micros - worst);
  });

  it("counts what runs by the most that it can cost, and gives back what it did not", async () => {
    const { ledger } = newLedger();
    const caps = [keyDay(100)];
    expect((await ledger.reserve(asking("r1", 80, { caps }))).kind).toBe("granted");
    expect(await ledger.reserve(asking("r2", 30, { caps }))).toMatchObject({
      kind: "cap_reached",
      cap: { of: "key", period: "day", spentMicros: 0, heldMicros: 80 },
    });
    await ledger.settle("r1", { ...used, llms: [part("a", 20)] });
    expect((await ledger.reserve(asking("r3", 80, { caps }))).kind).toBe("granted");
    await ledger.release("r3");
    expect((await ledger.reserve(asking("r4", 80, { caps }))).kind).toBe("granted");
  });

  it("holds for the month where the day has room, and lets through what costs nothing", async () => {
    const { ledger } = newLedger();
    const caps = [keyDay(1_000), { ...keyDay(50), period: "month" } as const];
    expect(await ledger.reserve(asking("r1", 60, { caps }))).toMatchObject({
      kind: "cap_reached",
      cap: { period: "month", micros: 50 },
    });
    const free = { caps: [keyDay(0)] };
    expect((await ledger.reserve(asking("r2", 0, free))).kind).toBe("granted");
    expect((await ledger.reserve(asking("r3", 1, free))).kind).toBe("cap_reached");
  });

  it("of a user is the user's own, whatever others of the tenant spend", async () => {
    const { ledger } = newLedger();
    const ask = (id: string, user: string) =>
      ledger.reserve(asking(id, 60, { caps: [userDay(100)], user }));
    expect((await ask("r1", "token-1")).kind).toBe("granted");
    expect((await ask("r2", "token-1")).kind).toBe("cap_reached");
    expect((await ask("r3", "token-2")).kind).toBe("granted");
    await ledger.settle("r1", { ...used, llms: [part("a", 59)] });
    expect((await ask("r4", "token-1")).kind).toBe("cap_reached");
    await ledger.settle("r3", { ...used, llms: [part("a", 1)] });
    expect((await ask("r5", "token-2")).kind).toBe("granted");
  });

  it("begins anew with the day and the month, and counts a request on the day that it began", async () => {
    const { stub } = newLedger();
    const at = (text: string) => Date.parse(`2026-12-31T${text}Z`);
    const newYear = Date.parse("2027-01-01T00:00:10Z");
    await runInDurableObject(stub, (_, { storage }) => {
      const tables = new UsageTables(storage.sql);
      const caps = [userDay(100), { of: "user", period: "month", micros: 150 } as const];
      const ask = (id: string, now: number) =>
        tables.reserve(asking(id, 80, { caps, user: "token-1" }), now);
      const cost = (id: string, micros: number) =>
        tables.settle(id, { ...used, llms: [part("a", micros)] });
      const state = (now: number) =>
        tables.caps({ caps, user: "token-1" }, "k1", now).map(({ spentMicros, heldMicros }) => {
          return [spentMicros, heldMicros];
        });
      expect(ask("r1", at("23:59:50")).kind).toBe("granted");
      expect(ask("r2", at("23:59:59"))).toMatchObject({
        kind: "cap_reached",
        cap: { period: "day", resetsAt: Date.parse("2027-01-01T00:00:00Z") },
      });
      // A new day and month: what still runs belongs to the old ones.
      expect(state(newYear)).toEqual(Array(2).fill([0, 0]));
      expect(ask("r3", newYear).kind).toBe("granted");
      cost("r1", 70);
      cost("r3", 10);
      expect(state(newYear)).toEqual(Array(2).fill([10, 0]));
      expect(state(at("23:59:59"))).toEqual(Array(2).fill([70, 0]));
      const sum = (day: string) => tables.usage({ from: day, to: day, keyId: null, groupBy: [] });
      expect(sum("2026-12-31")).toMatchObject([{ costMicros: 70 }]);
      expect(sum("2027-01-01")).toMatchObject([{ costMicros: 10 }]);
    });
  });
});

describe("what is kept of users", () => {
  it("is forgotten a day after its day and its month, by the alarm", async () => {
    const { stub } = newLedger();
    const now = Date.parse("2026-11-30T12:00:00Z");
    const left = await runInDurableObject(stub, (_, { storage }) => {
      const tables = new UsageTables(storage.sql);
      tables.reserve(asking("r1", 10, { user: "token-1" }), now);
      tables.settle("r1", { ...used, llms: [part("a", 10)] });
      const periods = (time: string) => {
        tables.sweep(Date.parse(time));
        const rows = storage.sql.exec("SELECT period FROM user_spend ORDER BY period").toArray();
        return [rows.map(({ period }) => period), tables.nextExpiry()] as const;
      };
      return ["2026-12-01T23:59:59Z", "2026-12-02T00:00:00Z"].map(periods);
    });
    const forgotten = Date.parse("2026-12-02T00:00:00Z");
    expect(left).toEqual([
      [["d2026-11-30", "m2026-11-01"], forgotten],
      [[], null],
    ]);
  });

  it("is bounded: those who spent least make room", async () => {
    const { stub } = newLedger();
    const rows = await runInDurableObject(stub, (_, { storage }) => {
      const users = new UserSpend(storage.sql, 20);
      for (let user = 1; user <= 30; user += 1) {
        users.add(`token-${user}`, "2026-11-30", user);
      }
      return storage.sql.exec("SELECT user, micros FROM user_spend ORDER BY micros DESC").toArray();
    });
    expect(rows.length).toBeLessThanOrEqual(20);
    expect(rows.slice(0, 2).map(({ micros }) => micros)).toEqual([30, 30]);
  });
});

/** The tables as they were before money was counted. */
const OLD_TABLES = `
    CREATE TABLE reservation (
      request_id TEXT PRIMARY KEY, key_id TEXT NOT NULL, day TEXT NOT NULL, held INTEGER NOT NULL,
      expires_at INTEGER NOT NULL, adapter TEXT NOT NULL, requests INTEGER NOT NULL,
      candidates INTEGER NOT NULL, adapter_tokens INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
      completion_tokens INTEGER NOT NULL, llm_requests INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX reservation_held ON reservation (key_id, day) WHERE held = 1;
    CREATE INDEX reservation_expiry ON reservation (expires_at);
    CREATE TABLE usage (
      key_id TEXT NOT NULL, day TEXT NOT NULL, adapter TEXT NOT NULL, estimated INTEGER NOT NULL,
      requests INTEGER NOT NULL, candidates INTEGER NOT NULL, adapter_tokens INTEGER NOT NULL,
      prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
      llm_requests INTEGER NOT NULL,
      PRIMARY KEY (key_id, day, adapter, estimated)
    ) WITHOUT ROWID;
`;

describe("an object that an older version filled", () => {
  it("keeps its counts, settles what ran, and counts money from now on", async () => {
    const { ledger, stub } = newLedger();
    const day = dayOf(Date.now());
    await runInDurableObject(stub, (_, { storage: { sql } }) => {
      for (const table of ["reservation", "usage", "llm_usage", "user_spend"]) {
        sql.exec(`DROP TABLE ${table}`);
      }
      sql.exec(OLD_TABLES);
      const far = Date.now() + 60_000;
      sql.exec("INSERT INTO usage VALUES ('k1', ?, 'mini@1', 0, 5, 40, 900, 100, 200, 6)", day);
      for (const [id, until] of [
        ["running", far],
        ["dead", 1],
      ] as const) {
        sql.exec(
          "INSERT INTO reservation VALUES (?, 'k1', ?, 1, ?, 'mini@1', 1, 8, 1000, 300, 2000, 1)",
          ...[id, day, until],
        );
      }
    });
    await evictDurableObject(stub);
    const caps = [keyDay(100)];
    expect(await ledger.caps("k1", { caps, user: null })).toMatchObject([
      { spentMicros: 0, heldMicros: 0 },
    ]);
    expect(await ledger.settle("running", { ...used, llms: [part("a", 30)] })).toBe("settled");
    await ledger.reserve(asking("new", 50, { caps }));
    await runDurableObjectAlarm(stub);
    await ledger.settle("new", { ...used, llms: [part("a", 12)] });
    expect(await totals(ledger)).toMatchObject([
      { requests: 8, estimatedRequests: 1, costMicros: 42 },
    ]);
    // Once more: columns are added once.
    await evictDurableObject(stub);
    expect(await ledger.caps("k1", { caps, user: null })).toMatchObject([{ spentMicros: 42 }]);
  });

  it("is asked by an older Worker, that says nothing of money", async () => {
    const { stub, ledger } = newLedger();
    const { llms: _llms, ...old } = estimate;
    const asked = { ...reservation("r1"), estimate: old } as ReturnType<typeof reservation>;
    expect((await stub.reserve(asked)).kind).toBe("granted");
    expect(await stub.settle("r1", { ...old } as typeof estimate)).toBe("settled");
    expect(await totals(ledger)).toMatchObject([{ requests: 1, costMicros: 0 }]);
  });
});
