/** When a canary is out of bounds. */
import { describe, expect, it } from "vitest";
import type { Bounds } from "../../../../src/adapter/pointer.ts";
import { judge, NO_COUNTS } from "../../../../src/worker/adapters/trial/guard.ts";
import type { Counts } from "../../../../src/worker/adapters/trialChannels.ts";

const bounds: Bounds = {
  minRequests: 100,
  maxFailureRate: 0.05,
  maxAbstentionDifference: 0.1,
  minAgreement: 0.8,
  compareShare: 1,
};
const of = (counts: Partial<Counts>): Counts => ({ ...NO_COUNTS, ...counts });
const fine = of({ requests: 1000, answers: 800, abstentions: 200, compared: 500, agreed: 450 });

describe("a canary", () => {
  it("within all bounds goes on", () => {
    expect(judge(bounds, fine, fine)).toBeNull();
    expect(judge(bounds, NO_COUNTS, NO_COUNTS)).toBeNull();
  });

  it("is stopped when it fails more often than allowed, whatever stable does", () => {
    expect(judge(bounds, of({ requests: 100, failures: 5 }), NO_COUNTS)).toBeNull();
    expect(judge(bounds, of({ requests: 100, failures: 6 }), NO_COUNTS)).toBe("failure_rate");
  });

  it("is stopped when it withholds far more answers than stable, or far fewer", () => {
    const withheld = (abstentions: number) => of({ answers: 200 - abstentions, abstentions });
    expect(judge(bounds, withheld(59), withheld(40))).toBeNull();
    expect(judge(bounds, withheld(61), withheld(40))).toBe("abstention_difference");
    expect(judge(bounds, withheld(40), withheld(61))).toBe("abstention_difference");
  });

  it("is stopped when it chooses otherwise too often", () => {
    expect(judge(bounds, of({ compared: 100, agreed: 80 }), fine)).toBeNull();
    expect(judge(bounds, of({ compared: 100, agreed: 79 }), fine)).toBe("agreement");
  });

  it("is not judged by a rate with too little behind it, on either side", () => {
    expect(judge(bounds, of({ requests: 99, failures: 99 }), fine)).toBeNull();
    expect(judge(bounds, of({ compared: 99 }), fine)).toBeNull();
    const none = of({ answers: 0, abstentions: 100 });
    expect(judge(bounds, of({ answers: 0, abstentions: 99 }), fine)).toBeNull();
    expect(judge(bounds, none, of({ answers: 99 }))).toBeNull();
    expect(judge(bounds, none, of({ answers: 100 }))).toBe("abstention_difference");
  });
});
