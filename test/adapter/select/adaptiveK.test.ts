/** The stopping rule for k: "auto". */
import { describe, expect, test } from "vitest";
import {
  leaderStaysAhead,
  nextWave,
  regularizedBeta,
} from "../../../src/adapter/select/adaptiveK.ts";

const rule = { threshold: 0.9, first: 3, step: 2 };

function scored(...items: [answer: string | null, probability: number][]) {
  return items.map(([answer, probability], index) => ({ index, answer, probability, logit: 0 }));
}

describe("regularized incomplete beta", () => {
  test.each([
    // Closed forms: I_x(1, b) = 1 - (1 - x)^b; I_1/2(a, a) = 1/2; I_x(2, 3) = 6x^2 - 8x^3 + 3x^4.
    [0.3, 1, 4, 1 - 0.7 ** 4],
    [0.5, 7.25, 7.25, 0.5],
    [0.4, 2, 3, 6 * 0.16 - 8 * 0.064 + 3 * 0.0256],
    [0.9, 2, 3, 6 * 0.81 - 8 * 0.729 + 3 * 0.6561],
    [0, 2, 3, 0],
    [1, 2, 3, 1],
  ])("I_%f(%f, %f)", (x, a, b, expected) => {
    expect(regularizedBeta(x, a, b)).toBeCloseTo(expected, 10);
  });
});

describe("waves", () => {
  test("the first comes whatever is known, never past the limit", () => {
    expect(nextWave(rule, [], true, 0, 8)).toBe(3);
    expect(nextWave(rule, [], true, 0, 2)).toBe(2);
  });

  test("agreement by candidates that score high ends it, disagreement goes on", () => {
    const sure = scored(["A", 0.9], ["A", 0.9], ["A", 0.9]);
    const split = scored(["A", 0.9], ["B", 0.9], ["A", 0.4]);
    // Three sure votes for one answer: 1 - I_1/2(3.7, 1) = 1 - 2^-3.7 = 0.923.
    expect(leaderStaysAhead(sure, true)).toBeCloseTo(1 - 2 ** -3.7, 9);
    expect(nextWave(rule, sure, true, 3, 8)).toBe(0);
    expect(nextWave(rule, split, true, 3, 8)).toBe(2);
  });

  test("agreement by candidates that score low goes on", () => {
    const unsure = scored(["A", 0.1], ["A", 0.2], ["A", 0.1]);
    expect(nextWave(rule, unsure, true, 3, 8)).toBe(2);
  });

  test("ends at the limit, also when candidates fail", () => {
    expect(nextWave(rule, [], true, 7, 8)).toBe(1);
    expect(nextWave(rule, [], true, 8, 8)).toBe(0);
    expect(nextWave(rule, scored([null, 0.9]), true, 3, 8)).toBe(2);
  });
});
