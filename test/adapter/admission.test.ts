/** Places and the line: bounded, in order, given back once, and not lost to requests that vanish. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { Admission, STALE_MS, type Ticket } from "../../src/adapter/admission.ts";

const never = new AbortController().signal;
const open: Ticket[] = [];

afterEach(() => {
  for (const ticket of open.splice(0)) ticket.release();
});

function enter(from: Admission, dropped: () => void = () => {}): Ticket {
  const ticket = from.enter(dropped);
  if (!ticket.ok) throw new Error("no ticket");
  open.push(ticket.value);
  return ticket.value;
}

describe("admission", () => {
  test("past places and line, it says at once when to come back", () => {
    const gate = new Admission({ places: 2, queue: 1 });
    for (let i = 0; i < 3; i++) enter(gate);
    expect(gate).toMatchObject({ held: 2, waiting: 1 });
    expect(gate.enter(() => {})).toEqual({
      ok: false,
      failure: { kind: "overloaded", retryAfterSeconds: 5 },
    });
  });

  test("first come, first served, one place for each release", async () => {
    const gate = new Admission({ places: 1, queue: 8 });
    const tickets = Array.from({ length: 5 }, () => enter(gate));
    const order: number[] = [];
    const done = tickets.map(async (ticket, number) => {
      expect(await ticket.granted(never)).toBe(true);
      expect(gate.held).toBe(1);
      order.push(number);
      await new Promise((resolve) => setTimeout(resolve, 1));
      ticket.release();
      ticket.release();
    });
    await Promise.all(done.reverse());
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(gate).toMatchObject({ held: 0, waiting: 0 });
  });

  test("never holds more than its places, whatever comes and goes", async () => {
    const gate = new Admission({ places: 3, queue: 100 });
    let random = 12345;
    const next = () => {
      random = (random * 1103515245 + 12345) % 2147483648;
      return random / 2147483648;
    };
    let most = 0;
    let served = 0;
    const visits = Array.from({ length: 60 }, async () => {
      await new Promise((resolve) => setTimeout(resolve, next() * 50));
      const ticket = enter(gate);
      const leaver = new AbortController();
      if (next() < 0.3) setTimeout(() => leaver.abort(), next() * 20);
      if (await ticket.granted(leaver.signal)) {
        served += 1;
        most = Math.max(most, gate.held);
        await new Promise((resolve) => setTimeout(resolve, next() * 10));
      }
      ticket.release();
    });
    await Promise.all(visits);
    expect(most).toBe(3);
    expect(served).toBeGreaterThan(30);
    expect(gate).toMatchObject({ held: 0, waiting: 0 });
  });

  test("who leaves the line makes room in it and is granted nothing", async () => {
    const gate = new Admission({ places: 1, queue: 1 });
    const first = enter(gate);
    const second = enter(gate);
    const leaver = new AbortController();
    const granted = second.granted(leaver.signal);
    leaver.abort();
    expect(await granted).toBe(false);
    second.release();
    const third = enter(gate);
    first.release();
    expect(await third.granted(never)).toBe(true);
  });

  test("a place whose request vanished is taken back after a while, and that request is told", async () => {
    // The clock alone: no timer runs, as with a request that has vanished.
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const gate = new Admission({ places: 1, queue: 1 });
      const told = vi.fn();
      enter(gate, told);
      vi.setSystemTime(Date.now() + STALE_MS);
      gate.sweep();
      expect(gate.held).toBe(1);
      vi.setSystemTime(Date.now() + 1);
      const next = enter(gate);
      expect(told).toHaveBeenCalledOnce();
      expect(await next.granted(never)).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  test("a place whose request lives is kept, however long the LLM takes", async () => {
    vi.useFakeTimers();
    try {
      const gate = new Admission({ places: 1, queue: 1 });
      const told = vi.fn();
      enter(gate, told);
      await vi.advanceTimersByTimeAsync(10 * STALE_MS);
      gate.sweep();
      expect(told).not.toHaveBeenCalled();
      expect(gate.held).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test("one owner never has every place: somebody else is served while its LLM hangs", async () => {
    const gate = new Admission({ places: 4, queue: 32 });
    const slow = Array.from({ length: 20 }, () => enterAs(gate, "slow"));
    expect(gate).toMatchObject({ held: 3, waiting: 17 });
    const quick = enterAs(gate, "quick");
    expect(await quick.granted(never)).toBe(true); // at once: nobody of `slow` has let go
    quick.release();
    const two = [enterAs(gate, "quick"), enterAs(gate, "quick")];
    expect(await two[0]?.granted(never)).toBe(true);
    slow[0]?.release(); // 17 of `slow` came before the second of `quick`
    expect(await two[1]?.granted(never)).toBe(true);
  });

  test("one owner never fills the line", () => {
    const gate = new Admission({ places: 4, queue: 8 });
    for (let i = 0; i < 3 + 6; i++) enterAs(gate, "slow");
    expect(gate.refusal("slow")).not.toBeNull();
    expect(gate.refusal("quick")).toBeNull();
    for (let i = 0; i < 3; i++) enterAs(gate, "quick");
    expect(gate.refusal("third")).not.toBeNull();
  });

  test("an owner that is alone keeps its order and all places but one", async () => {
    const gate = new Admission({ places: 4, queue: 8 });
    const tickets = Array.from({ length: 5 }, () => enterAs(gate, "only"));
    expect(gate).toMatchObject({ held: 3, waiting: 2 });
    tickets[1]?.release();
    expect(await tickets[3]?.granted(never)).toBe(true);
    expect(gate).toMatchObject({ held: 3, waiting: 1 });
  });
});

function enterAs(gate: Admission, owner: string): Ticket {
  const ticket = gate.enter(() => {}, owner);
  if (!ticket.ok) throw new Error("no ticket");
  open.push(ticket.value);
  return ticket.value;
}
