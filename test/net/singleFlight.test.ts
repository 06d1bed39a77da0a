/** Work that requests share: once at a time, owned by the request that began it, seen by the others as data. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SingleFlight } from "../../src/net/sharedWork.ts";

const STALE_MS = 1_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Shared state with the work that fills it. A number is the work's own: 1 for the first that began. */
function shared() {
  const flight = new SingleFlight(STALE_MS);
  const kept: Promise<unknown>[] = [];
  let value: number | null = null;
  let begun = 0;
  const request = (takesMs: number, waitMs = 10_000, fails = false) =>
    flight.run({
      current: () => value,
      work: async () => {
        begun += 1;
        const number = begun;
        await new Promise((resolve) => setTimeout(resolve, takesMs));
        if (fails) throw new Error(`work ${number} failed`);
        value = number;
        return number;
      },
      waitUntil: (work) => kept.push(work),
      waitMs,
    });
  return {
    flight,
    kept,
    request,
    begun: () => begun,
    forget: () => {
      value = null;
    },
  };
}

test("requests at the same time share one run, and each gets its value", async () => {
  const { request, begun, kept, flight } = shared();
  const all = Promise.all([request(100), request(100), request(100)]);
  expect(flight.underWay).toBe(true);
  await vi.advanceTimersByTimeAsync(200);
  expect(await all).toEqual([1, 1, 1]);
  expect(begun()).toBe(1);
  expect(kept).toHaveLength(1);
  expect(flight.underWay).toBe(false);
});

test("a value that is there is taken without any work; one that is gone is made anew", async () => {
  const { request, begun, forget } = shared();
  const first = request(0);
  await vi.advanceTimersByTimeAsync(0);
  expect(await first).toBe(1);
  expect(await request(0)).toBe(1);
  expect(begun()).toBe(1);
  forget();
  const second = request(0);
  await vi.advanceTimersByTimeAsync(0);
  expect(await second).toBe(2);
});

test("a failure reaches its owner alone; who waited gets nothing and begins nothing", async () => {
  const { request, begun, kept, flight } = shared();
  const owner = request(100, 10_000, true).catch((error: Error) => error.message);
  const waiters = Promise.all([request(0), request(0)]);
  await vi.advanceTimersByTimeAsync(200);
  expect(await owner).toBe("work 1 failed");
  expect(await waiters).toEqual([null, null]);
  expect(begun()).toBe(1);
  // What the runtime keeps alive does not fail a second time.
  await expect(Promise.all(kept)).resolves.toBeDefined();
  expect(flight.underWay).toBe(false);
  const next = request(0);
  await vi.advanceTimersByTimeAsync(0);
  expect(await next).toBe(2);
});

test("work that throws before it waits for anything is a failure like any other", async () => {
  const { flight } = shared();
  const own = flight.begin(
    () => {
      throw new Error("at once");
    },
    () => {},
  );
  await expect(own).rejects.toThrow("at once");
  expect(flight.underWay).toBe(false);
});

test("a waiter gives up after its own time, and the work goes on", async () => {
  const { request, begun } = shared();
  const owner = request(500);
  const waiter = request(500, 100);
  await vi.advanceTimersByTimeAsync(100);
  expect(await waiter).toBeNull();
  await vi.advanceTimersByTimeAsync(400);
  expect(await owner).toBe(1);
  expect(begun()).toBe(1);
});

test("work whose request was cancelled counts as dead after a while: one waiter begins it again", async () => {
  const { request, begun, flight } = shared();
  void request(3_600_000);
  const waiters = Promise.all([request(50), request(50)]);
  await vi.advanceTimersByTimeAsync(STALE_MS - 20);
  expect(begun()).toBe(1);
  expect(flight.underWay).toBe(true);
  await vi.advanceTimersByTimeAsync(100);
  expect(await waiters).toEqual([2, 2]);
  expect(begun()).toBe(2);
});

test("work that was taken for dead and ends after all does not end its successor", async () => {
  const { request, begun, flight } = shared();
  const first = request(STALE_MS + 100);
  await vi.advanceTimersByTimeAsync(STALE_MS);
  const second = request(500);
  expect(begun()).toBe(2);
  await vi.advanceTimersByTimeAsync(150);
  expect(await first).toBe(1);
  expect(flight.underWay).toBe(true);
  expect(
    flight.begin(
      async () => 3,
      () => {},
    ),
  ).toBeNull();
  await vi.advanceTimersByTimeAsync(400);
  expect(await second).toBe(2);
  expect(flight.underWay).toBe(false);
});

test("`ended` tells work that ended from work that still runs and work that is dead", async () => {
  const { flight } = shared();
  const ends: Record<string, boolean> = {};
  const note = (name: string, ended: Promise<boolean>) =>
    ended.then((value) => {
      ends[name] = value;
    });
  void note("none", flight.ended(0));
  void flight.begin(
    () => new Promise<void>((resolve) => setTimeout(resolve, 300)),
    () => {},
  );
  void note("short wait", flight.ended(100));
  void note("long wait", flight.ended(5_000));
  await vi.advanceTimersByTimeAsync(400);
  void flight.begin(
    () => new Promise<void>(() => {}),
    () => {},
  );
  void note("dead", flight.ended(5_000));
  await vi.advanceTimersByTimeAsync(STALE_MS + 50);
  expect(ends).toEqual({ none: true, "short wait": false, "long wait": true, dead: false });
});
