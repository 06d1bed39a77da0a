/** Answers kept for retries: replayed to the same request, refused to another, gone after their time. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { problemResponse } from "../../../src/worker/http/problems.ts";
import { sealerFor } from "../../../src/worker/http/seal.ts";
import { refusal } from "../../../src/worker/ledger/idempotency.ts";
import type { ReplayWish } from "../../../src/worker/ledger/ledger.ts";
import { MOST_BYTES } from "../../../src/worker/ledger/replays.ts";
import { newLedger, reservation, totals, used } from "./fixtures.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const wish: ReplayWish = { id: "key-1", fingerprint: "body-1", keepMs: 60_000 };
const asking = (requestId: string, changes: Partial<ReplayWish> = {}) =>
  reservation(requestId, { replay: { ...wish, ...changes } });
const answer = { status: 200, contentType: "application/json", sealed: new Uint8Array([1, 2, 3]) };

function rowsOf(stub: ReturnType<typeof newLedger>["stub"]): Promise<number> {
  return runInDurableObject(stub, (_object, state) => {
    const count = "SELECT (SELECT COUNT(*) FROM replay) + (SELECT COUNT(*) FROM replay_part) AS n";
    return state.storage.sql.exec<{ n: number }>(count).one().n;
  });
}

describe("a request with an Idempotency-Key", () => {
  it("runs once: its retries wait, then get its answer, and are not counted", async () => {
    const { ledger } = newLedger();
    expect((await ledger.reserve(asking("r1"))).kind).toBe("granted");
    expect((await ledger.reserve(asking("r2"))).kind).toBe("running");
    await ledger.settle("r1", used);
    expect((await ledger.reserve(asking("r3"))).kind).toBe("running");
    await ledger.keep("r1", answer);
    expect(await ledger.reserve(asking("r4"))).toEqual({ kind: "replay", answer });
    expect(await totals(ledger)).toMatchObject([{ requests: 1 }]);
  });

  it("with another body is refused, while the first runs and after", async () => {
    const { ledger } = newLedger();
    await ledger.reserve(asking("r1"));
    const other = { fingerprint: "body-2" };
    expect((await ledger.reserve(asking("r2", other))).kind).toBe("other_body");
    await ledger.keep("r1", answer);
    expect((await ledger.reserve(asking("r3", other))).kind).toBe("other_body");
    expect((await ledger.reserve(asking("r4", { id: "key-2" }))).kind).toBe("granted");
  });

  it("runs anew where the first was given up, released or ended without an answer", async () => {
    const { ledger, stub } = newLedger();
    await ledger.reserve(asking("r1"));
    await ledger.release("r1");
    expect((await ledger.reserve(asking("r2"))).kind).toBe("granted");
    await ledger.settle("r2", used);
    await ledger.keep("r2", null);
    expect((await ledger.reserve({ ...asking("r3"), holdMs: 1 })).kind).toBe("granted");
    await pause(20);
    await runDurableObjectAlarm(stub);
    expect((await ledger.reserve(asking("r4"))).kind).toBe("granted");
  });

  it("tells its retries how long it has run, and what is left of its hold; then its key is free", async () => {
    const { ledger, stub } = newLedger();
    await ledger.reserve(asking("r1"));
    const set = (sql: string) =>
      runInDurableObject(stub, (_object, state) => void state.storage.sql.exec(sql));
    await set("UPDATE replay SET expires_at = expires_at - 20000");
    const seen = await ledger.reserve(asking("r2"));
    if (seen.kind !== "running") throw new Error(seen.kind);
    expect(Math.abs(seen.ranMs - 20_000)).toBeLessThan(5_000);
    expect(Math.abs(seen.leftMs - 60_000)).toBeLessThan(5_000);
    await set("UPDATE reservation SET expires_at = 1"); // the alarm has not come yet
    expect((await ledger.reserve(asking("r3"))).kind).toBe("granted");
  });

  it.each([
    [100, 60_000, 2],
    [20_000, 60_000, 20],
    [20_000, 3_500, 4],
    [20_000, 100, 1],
  ])(
    "that has run for %i ms with %i ms left is to be asked for again in %i s",
    (ran, left, after) => {
      const response = problemResponse(
        refusal({ kind: "running", ranMs: ran, leftMs: left }),
        "req",
      );
      expect(response.status).toBe(409);
      expect(response.headers.get("retry-after")).toBe(String(after));
    },
  );

  it("takes no place beyond its quota's, and holds no key where the quota refused it", async () => {
    const { ledger } = newLedger();
    expect((await ledger.reserve({ ...asking("r1"), quota: 0 })).kind).toBe("quota_exceeded");
    expect((await ledger.reserve(asking("r2"))).kind).toBe("granted");
  });

  it("gets back an answer larger than one value of SQLite", async () => {
    const { ledger } = newLedger();
    const sealed = new Uint8Array(3_500_001).map((_, at) => at % 251);
    await ledger.reserve(asking("r1"));
    await ledger.keep("r1", { ...answer, sealed });
    const again = await ledger.reserve(asking("r2"));
    expect(again.kind === "replay" && again.answer.sealed).toEqual(sealed);
  });

  it("at the tenant's bound is served and kept, and the oldest answers make room", async () => {
    const { ledger, stub } = newLedger();
    const sealed = new Uint8Array(3 * 2 ** 20);
    const count = Math.ceil(MOST_BYTES / sealed.length) + 3;
    for (let at = 0; at < count; at += 1) {
      const keepMs = 60_000 + at * 1_000;
      const asked = await ledger.reserve(asking(`r${at}`, { id: `key-${at}`, keepMs }));
      expect(asked.kind).toBe("granted");
      await ledger.keep(`r${at}`, { ...answer, sealed });
      await ledger.settle(`r${at}`, used);
    }
    const size = await runInDurableObject(stub, (_, { storage }) => storage.sql.databaseSize);
    expect(size).toBeLessThan(MOST_BYTES * 1.1);
    const last = asking("again", { id: `key-${count - 1}` });
    expect((await ledger.reserve(last)).kind).toBe("replay");
    expect((await ledger.reserve(asking("first", { id: "key-0" }))).kind).toBe("granted");
    expect(await totals(ledger)).toMatchObject([{ requests: count }]);
  });

  it("whose answer is too large to keep is answered, and its retry runs anew", async () => {
    const { ledger } = newLedger();
    await ledger.reserve(asking("r1"));
    await ledger.keep("r1", { ...answer, sealed: new Uint8Array(5 * 2 ** 20) });
    await ledger.settle("r1", used);
    expect((await ledger.reserve(asking("r2"))).kind).toBe("granted");
  });

  it("is forgotten after its time: nothing of it is left", async () => {
    const { ledger, stub } = newLedger();
    await ledger.reserve({ ...asking("r1", { keepMs: 300 }), holdMs: 100 });
    await ledger.keep("r1", answer);
    expect(await rowsOf(stub)).toBe(2);
    await expect.poll(() => rowsOf(stub), { timeout: 15_000 }).toBe(0);
    expect((await ledger.reserve(asking("r2"))).kind).toBe("granted");
  });
});

describe("a sealed answer", () => {
  const secret = "a secret of at least 32 characters";
  const text = new TextEncoder().encode("kanarienvogel-4711");

  it("opens with the same secret, tenant and name only", async () => {
    const sealer = await sealerFor(secret, "a", "idempotency");
    const sealed = await sealer.seal(text, "key-1");
    expect(await sealer.open(sealed, "key-1")).toEqual(text);
    expect(await sealer.open(sealed, "key-2")).toBeNull();
    expect(await (await sealerFor(secret, "b", "idempotency")).open(sealed, "key-1")).toBeNull();
    expect(
      await (await sealerFor(`${secret}!`, "a", "idempotency")).open(sealed, "key-1"),
    ).toBeNull();
    expect(await (await sealerFor(secret, "a", "batches")).open(sealed, "key-1")).toBeNull();
    sealed[20] = (sealed[20] ?? 0) ^ 1;
    expect(await sealer.open(sealed, "key-1")).toBeNull();
  });

  it("shows nothing of the text, and never the same bytes twice", async () => {
    const sealer = await sealerFor(secret, "a", "idempotency");
    const [one, two] = [await sealer.seal(text, "x"), await sealer.seal(text, "x")];
    expect(one).not.toEqual(two);
    expect(new TextDecoder("latin1").decode(one)).not.toContain("kanarien");
  });

  it("is named by hashes that differ by tenant and by the borders of their parts", async () => {
    const a = await sealerFor(secret, "a", "idempotency");
    const b = await sealerFor(secret, "b", "idempotency");
    expect(await a.mac("x", "y")).toBe(await a.mac("x", "y"));
    expect(await a.mac("x", "y")).not.toBe(await b.mac("x", "y"));
    expect(await a.mac("ab", "c")).not.toBe(await a.mac("a", "bc"));
  });
});
