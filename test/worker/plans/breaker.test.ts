/** Who is kept out, for whom and for how long. */
import { describe, expect, it } from "vitest";
import { Breakers } from "../../../src/worker/plans/breaker.ts";

function clock() {
  let now = 1_000_000;
  const pass = (ms: number) => {
    now += ms;
  };
  return { breakers: new Breakers(() => now), pass };
}

describe("an LLM that fails", () => {
  it("is kept out after three failures in a row, then tried by one request", () => {
    const { breakers, pass } = clock();
    for (const _ of [1, 2]) breakers.failed("a", "t", "refused_connection");
    expect(breakers.isOut("a", "t")).toBe(false);
    breakers.failed("a", "t", "refused_connection");
    expect(breakers.isOut("a", "other")).toBe(true);
    pass(15_001);
    expect(breakers.isOut("a", "t")).toBe(false); // this one tries it
    expect(breakers.isOut("a", "t")).toBe(true);
    breakers.answered("a", "t");
    expect(breakers.isOut("a", "t")).toBe(false);
  });

  it("is kept out for twice as long after each trial that fails, five minutes at most", () => {
    const { breakers, pass } = clock();
    for (const _ of [1, 2, 3]) breakers.failed("a", "t", "quota");
    for (const ms of [15_000, 30_000, 60_000, 120_000, 240_000, 300_000, 300_000]) {
      pass(ms - 1);
      expect(breakers.isOut("a", "t")).toBe(true);
      pass(2);
      expect(breakers.isOut("a", "t")).toBe(false);
      breakers.failed("a", "t", "quota");
    }
  });

  it("is tried by another request where the one that tried it was lost", () => {
    const { breakers, pass } = clock();
    for (const _ of [1, 2, 3]) breakers.failed("a", "t", "unauthorized");
    pass(15_001);
    expect(breakers.isOut("a", "t")).toBe(false);
    pass(9_999);
    expect(breakers.isOut("a", "t")).toBe(true);
    pass(2);
    expect(breakers.isOut("a", "t")).toBe(false);
  });

  it("is kept out at once for as long as it says", () => {
    const { breakers, pass } = clock();
    breakers.failed("a", "t", "rate_limited", 40);
    expect(breakers.isOut("a", "t")).toBe(true);
    pass(39_999);
    expect(breakers.isOut("a", "t")).toBe(true);
    pass(2);
    expect(breakers.isOut("a", "t")).toBe(false);
  });

  it("is well again after any answer", () => {
    const { breakers } = clock();
    for (const _ of [1, 2]) breakers.failed("a", "t", "refused_connection");
    breakers.answered("a", "t");
    for (const _ of [1, 2]) breakers.failed("a", "t", "refused_connection");
    expect(breakers.isOut("a", "t")).toBe(false);
  });
});

describe("a tenant", () => {
  it("takes no LLM from another by requests that time out or break", () => {
    const { breakers } = clock();
    for (const reason of [
      "timeout",
      "server_error",
      "malformed",
      "cut_stream",
      "too_large",
    ] as const) {
      breakers.failed("a", "hostile", reason);
    }
    expect(breakers.isOut("a", "hostile")).toBe(true);
    expect(breakers.isOut("a", "other")).toBe(false);
  });

  it("takes no LLM from itself by what is refused or filtered", () => {
    const { breakers } = clock();
    for (const reason of ["bad_request", "filtered", "context_too_long", "aborted"] as const) {
      for (const _ of [1, 2, 3, 4]) breakers.failed("a", "t", reason);
    }
    expect(breakers.isOut("a", "t")).toBe(false);
  });

  it("cannot fill the memory: old entries are forgotten", () => {
    const { breakers } = clock();
    for (const _ of [1, 2, 3]) breakers.failed("a", "first", "timeout");
    for (let i = 0; i < 2_000; i += 1) breakers.failed("a", `t${i}`, "timeout");
    expect(breakers.isOut("a", "first")).toBe(false);
  });
});
