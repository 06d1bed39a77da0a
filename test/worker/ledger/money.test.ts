/** Prices and sums of money, without a ledger. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { moneyText, readMoney } from "../../../src/net/money.ts";
import { costMicros, readPrice, WirePrice, worstMicros } from "../../../src/worker/ledger/money.ts";

const price = readPrice(WirePrice.parse({ in: 0.15, out: "0.60", cached: 0.075 }));
const tokens = fc.record({
  promptTokens: fc.nat(10_000_000),
  cachedTokens: fc.nat(10_000_000),
  completionTokens: fc.nat(10_000_000),
});

describe("money", () => {
  it("is what the provider's price list says, to the micro-unit", () => {
    const million = { promptTokens: 1_000_000, cachedTokens: 0, completionTokens: 1_000_000 };
    expect(costMicros(million, price)).toBe(750_000);
    expect(costMicros({ ...million, cachedTokens: 1_000_000 }, price)).toBe(675_000);
  });

  it("is rounded up once, so that nothing that was used is free", () => {
    expect(costMicros({ promptTokens: 1, cachedTokens: 0, completionTokens: 0 }, price)).toBe(1);
    expect(costMicros({ promptTokens: 0, cachedTokens: 0, completionTokens: 0 }, price)).toBe(0);
    expect(costMicros({ promptTokens: 20, cachedTokens: 0, completionTokens: 0 }, price)).toBe(3);
  });

  it("of a call is never more than its worst case", () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.integer({ min: 1, max: 32 }), tokens, (bytes, n, used) => {
        const worst = { promptBytes: bytes, messages: 2, candidates: n, maxTokens: 100 };
        const promptTokens = Math.min(used.promptTokens, bytes * n);
        const completionTokens = Math.min(used.completionTokens, 100 * n);
        const cost = costMicros({ ...used, promptTokens, completionTokens }, price);
        expect(cost).toBeLessThanOrEqual(worstMicros(worst, price));
      }),
    );
  });

  it("takes no count that is none: not negative, not infinite, no more cached tokens than there are", () => {
    const odd = { promptTokens: -5, cachedTokens: Number.POSITIVE_INFINITY, completionTokens: NaN };
    expect(costMicros(odd, price)).toBe(0);
  });

  it("is read and shown as decimals with up to six digits", () => {
    fc.assert(
      fc.property(fc.nat(2_000_000_000), (micros) => {
        expect(readMoney(moneyText(micros))).toBe(micros);
      }),
    );
    for (const odd of ["", "-1", "1e3", "0.1234567", "1,5", "NaN"])
      expect(readMoney(odd)).toBeNull();
  });

  it.each([{ in: -1, out: 1 }, { in: "1.1234567", out: 1 }, { in: 1e9, out: 1 }, { in: 1 }])(
    "refuses the price %j",
    (wire) => expect(WirePrice.safeParse(wire).success).toBe(false),
  );
});
