/** Decisions and curves on cases worked by hand. */
import { describe, expect, it } from "vitest";
import { adaptiveCurve, kCurve, ordersOf } from "../../../scripts/core/curves.ts";
import {
  type AskedQuestion,
  ballotOf,
  choiceOf,
  decide as decideOn,
  everyCandidate,
  expectedVote,
  isValidated,
} from "../../../scripts/core/decide.ts";
import type { Manifest } from "../../../src/adapter/manifest.ts";
import { sampleManifest } from "../../adapter/sampleManifest.ts";

const options = ["yes", "no"].map((label) => ({ label, text: label }));

function asked(answers: readonly (string | null)[], gold: string, free = false) {
  return {
    options: free ? [] : options,
    hasContext: true,
    evidenceUnseen: false,
    task: "pubmedqa",
    answers: answers.map((answer) => (free ? null : answer)),
    correct: answers.map((answer) => answer === gold),
  };
}

function ballot(
  question: Omit<AskedQuestion, "logits">,
  logits: number[] | null,
  manifest = sampleManifest,
) {
  return ballotOf({ ...question, logits }, manifest);
}

function decide(one: ReturnType<typeof ballot>) {
  return decideOn(one, everyCandidate(one));
}

/** One feature: the best logit. Confidence: sigmoid of twice the answer's score. */
const fitted: Manifest = {
  ...sampleManifest,
  selector: {
    features: ["logit_max"],
    groups: [
      {
        context: true,
        labels: "closed",
        weights: [1],
        bias: 0,
        priors: {},
        confidence: { a: 2, b: 0 },
      },
    ],
  },
};

describe("decide", () => {
  it("chooses by each strategy", () => {
    const found = decide(ballot(asked(["no", "no", "yes"], "yes"), [-1, -1, 3], fitted));
    expect(found.vote).toMatchObject({ answer: "no", index: 0, right: false, score: 2 });
    expect(found.best_of).toMatchObject({ answer: "yes", index: 2, right: true });
    expect(found.weighted_vote).toMatchObject({ answer: "yes", index: 2, right: true, score: 3 });
    expect(found.weighted_vote.confidence).toBeCloseTo(1 / (1 + Math.exp(-6)), 12);
    expect(found.vote.confidence).toBeNull();
  });

  it("measures a confidence that the service would not tell, and says so", () => {
    const question = asked(["yes", "no", "yes"], "yes");
    const told = (validatedOn: Manifest["validatedOn"]) =>
      ballot(question, [1, 0, 0], { ...fitted, validatedOn });
    expect(isValidated(told([]), ["llm"])).toBe(false);
    expect(decide(told([])).weighted_vote.confidence).not.toBeNull();
    expect(isValidated(told([{ llm: "llm", task: "pubmedqa" }]), ["llm"])).toBe(true);
    expect(isValidated(told([{ llm: "llm", task: "pubmedqa" }]), ["llm", "b"])).toBe(false);
    expect(isValidated(told([{ llm: "other", task: "pubmedqa" }]), ["llm"])).toBe(false);
  });

  it("gives ties of the vote to the answer that came first, whatever the scores", () => {
    const tied = ballot(asked(["no", "yes"], "yes"), [-5, 5]);
    expect(decide(tied).vote.answer).toBe("no");
    expect(expectedVote(tied, [0, 1])).toBe(0.5);
    expect(choiceOf(tied, [1, 0], "vote")).toMatchObject({ answer: "yes", index: 1, right: true });
  });

  it("leaves an unscored question to the vote, without a confidence", () => {
    const { weighted_vote } = decide(ballot(asked(["no", "yes", "yes"], "yes"), null, fitted));
    expect(weighted_vote).toMatchObject({ answer: "yes", right: true, confidence: null });
  });

  it("finds nothing right where nothing parsed", () => {
    const found = decide(ballot(asked([null, null], "yes"), [1, 2]));
    expect([found.vote.right, found.best_of.right, found.weighted_vote.right]).toEqual([
      false,
      false,
      false,
    ]);
    expect(found.weighted_vote.answer).toBeNull();
    expect(expectedVote(ballot(asked([null, null], "yes"), [1, 2]), [0, 1])).toBe(0);
  });

  it("takes a free-text candidate as an answer of its own", () => {
    const free = ballot(asked(["no", "yes", "no"], "yes", true), [0, 2, 1]);
    expect(decide(free).weighted_vote).toMatchObject({ answer: null, index: 1, right: true });
    expect(expectedVote(free, [0, 1, 2])).toBeCloseTo(1 / 3, 12);
  });
});

describe("curves", () => {
  it("draws the same orders for the same line, and others for another", () => {
    const orders = ordersOf(7, 5);
    expect(ordersOf(7, 5)).toEqual(orders);
    expect(ordersOf(8, 5)).not.toEqual(orders);
    for (const order of orders) expect([...order].sort()).toEqual([0, 1, 2, 3, 4]);
    // Each place is taken by each candidate about equally often.
    const firsts = Array.from({ length: 1000 }, (_, line) => ordersOf(line, 5)[0]?.[0]);
    for (const at of [0, 1, 2, 3, 4]) {
      const share = firsts.filter((first) => first === at).length / 1000;
      expect(share).toBeGreaterThan(0.15);
      expect(share).toBeLessThan(0.25);
    }
  });

  it("counts accuracy with k candidates, all of them where there are fewer", () => {
    const votes = ballot(asked(["no", "no", "yes"], "yes"), [-1, -1, 3], fitted);
    const orders = [
      [0, 1, 2],
      [2, 0, 1],
    ];
    expect(kCurve(votes, [1, 2, 9], orders)).toEqual([
      { k: 1, majority: 0.5, best_of: 0.5, weighted_vote: 0.5 },
      // no, no: 0. yes, no: a tie.
      { k: 2, majority: 0.25, best_of: 0.5, weighted_vote: 0.5 },
      { k: 9, majority: 0, best_of: 1, weighted_vote: 1 },
    ]);
  });

  it("stops when the leader is likely enough to stay ahead", () => {
    const ruled = { ...fitted, adaptiveK: { threshold: 0.7, first: 1, step: 1 } };
    // Logits of 40 make every vote a whole one: after two of one answer the leader stays ahead with
    // 1 - (1/2)^3 = 0.875 (Beta(3, 1) over one half), after one with 0.75.
    const sure = ballot(
      asked(["no", "no", "yes", "yes", "yes"], "no"),
      [40, 40, 40, 40, 40],
      ruled,
    );
    const orders = [[0, 1, 2, 3, 4]];
    const points = new Map(
      adaptiveCurve(sure, ruled.adaptiveK, orders)?.map((one) => [one.threshold, one]),
    );
    expect(points.get(0.7)).toEqual({ threshold: 0.7, spent: 1, right: 1 });
    expect(points.get(0.8)).toEqual({ threshold: 0.8, spent: 2, right: 1 });
    // Never sure enough: all five, of which more say yes.
    expect(points.get(0.99)).toEqual({ threshold: 0.99, spent: 5, right: 0 });
    const two = ballot(asked(["no", "no"], "no"), [1, 1]);
    expect(adaptiveCurve(two, null, [[0, 1]])).toBeNull();
    expect(adaptiveCurve(two, { ...ruled.adaptiveK, first: 2 }, [[0, 1]])).toBeNull();
  });
});
