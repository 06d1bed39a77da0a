/** What an isolate counts reaches the guard in few reports, and nothing waits for it. */
import { describe, expect, it } from "vitest";
import type {
  Guard,
  GuardReport,
  Stop,
  Trial,
} from "../../../../src/worker/adapters/trial/guard.ts";
import { Tally } from "../../../../src/worker/adapters/trial/tally.ts";

const bounds = {
  minRequests: 1,
  maxFailureRate: 1,
  maxAbstentionDifference: 1,
  minAgreement: 0,
  compareShare: 0,
};
const trial = (serial: number): Trial => ({ serial, version: "1.1.0", bounds });
const stop = { serial: 2, reason: "agreement" } as Stop;

/** A tally whose guard notes what it is told, and answers as told. */
function tallying(report: () => Promise<Stop | null> = () => Promise.resolve(null)) {
  const reports: GuardReport[] = [];
  const heard: [number, Stop | null][] = [];
  const waiting: Promise<unknown>[] = [];
  const none = () => Promise.reject(new Error("not asked here"));
  const guard: Guard = {
    report: (one) => {
      reports.push(one);
      return report();
    },
    verdict: none,
    overview: none,
  };
  const tally = new Tally(guard, ({ serial }, verdict) => heard.push([serial, verdict]));
  const add = (of: Trial | null, channel: "stable" | "canary", counts: object) =>
    tally.add(of, channel, channel === "stable" ? "1.0.0" : "1.1.0", counts, (work) =>
      waiting.push(work),
    );
  return { add, reports, heard, waiting };
}

describe("counts", () => {
  it("of a while go in one report, summed up, and the guard's word comes back", async () => {
    const { add, reports, heard, waiting } = tallying(() => Promise.resolve(stop));
    for (let times = 0; times < 5; times += 1) {
      add(trial(2), "canary", { requests: 1, failures: 1 });
      add(trial(2), "stable", { requests: 1, answers: 1 });
    }
    expect(reports).toHaveLength(0);
    await Promise.all(waiting);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({
      trial: { serial: 2 },
      counts: [
        { channel: "canary", version: "1.1.0", requests: 5, failures: 5, answers: 0 },
        { channel: "stable", version: "1.0.0", requests: 5, failures: 0, answers: 5 },
      ],
    });
    expect(heard).toEqual([[2, stop]]);
  });

  it("that are many do not wait", async () => {
    const { add, reports } = tallying();
    for (let times = 0; times < 32; times += 1) add(trial(2), "canary", { requests: 1 });
    await Promise.resolve();
    expect(reports.map(({ counts }) => counts[0]?.requests)).toEqual([32]);
  });

  it("of one trial are not counted for the next", async () => {
    const { add, reports, waiting } = tallying();
    add(trial(2), "canary", { requests: 1 });
    add(trial(3), "canary", { requests: 1 });
    await Promise.all(waiting);
    expect(reports.map((one) => one.trial?.serial)).toEqual([2, 3]);
  });

  it("keep no request waiting where nothing is tried: they go with a later one", async () => {
    const { add, reports, waiting } = tallying();
    add(null, "stable", { requests: 1 });
    expect(waiting).toHaveLength(0);
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    add(null, "stable", { requests: 1 });
    await Promise.all(waiting);
    expect(reports).toMatchObject([{ trial: null, counts: [{ requests: 2 }] }]);
  });

  it("that cannot be told are lost, and nobody hears of it", async () => {
    const { add, heard, waiting } = tallying(() => Promise.reject(new Error("down")));
    add(trial(2), "canary", { requests: 1 });
    await Promise.all(waiting);
    expect(heard).toEqual([]);
  });
});
