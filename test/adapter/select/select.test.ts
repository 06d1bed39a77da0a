/** Which answer wins, for every strategy: tables of candidates, ties and gaps among them. */
import { describe, expect, test } from "vitest";
import type {
  ScoredCandidate,
  SelectInput,
  Strategy,
} from "../../../src/adapter/select/candidates.ts";
import { select } from "../../../src/adapter/select/select.ts";

const options = [
  { label: "A", text: "aspirin" },
  { label: "B", text: "heparin" },
  { label: "C", text: "warfarin" },
];

/** "A.9" is answer A with probability 0.9, "-.9" one that did not parse, "A?" one without a score. */
function candidates(text: string): ScoredCandidate[] {
  return text
    .split(" ")
    .filter((item) => item !== "")
    .map((item, index) => {
      const answer = item.startsWith("-") ? null : item.slice(0, 1);
      const probability = item.endsWith("?") ? null : Number(item.slice(1));
      const logit = probability === null ? null : Math.log(probability / (1 - probability));
      return { index, answer, probability, logit };
    });
}

function input(strategy: Strategy, text: string, more: Partial<SelectInput> = {}): SelectInput {
  return {
    strategy,
    candidates: candidates(text),
    options,
    hasContext: false,
    evidenceUnseen: false,
    manifest: null,
    llm: "llm",
    task: "mcq",
    abstain: null,
    ...more,
  };
}

describe("the winner", () => {
  test.each<[Strategy, string, string | null, number | null, string]>([
    ["vote", "A.1 B.9 A.2", "A", 2, "most votes; its best candidate is shown"],
    ["best_of", "A.1 B.9 A.2", "B", 1, "highest probability"],
    ["weighted_vote", "A.1 B.9 A.2", "B", 1, "0.9 against 0.1 + 0.2"],
    ["weighted_vote", "A.5 B.9 A.6", "A", 2, "0.5 + 0.6 against 0.9"],
    ["vote", "A.3 B.4", "B", 1, "equal votes: higher probability"],
    ["vote", "B.4 A.4", "B", 0, "equal votes and probability: lower index"],
    ["best_of", "A.4 B.4 B.1", "B", 1, "equal best: more votes"],
    ["best_of", "A.4 B.4", "A", 0, "all equal: lower index"],
    ["weighted_vote", "A.5 A.25 B.75", "A", 0, "equal sums: more votes"],
    ["vote", "-.9 -.9 A.1", "A", 2, "an answer wins over none, whatever the votes"],
    ["best_of", "-.9 A.1", "A", 1, "... whatever the probability"],
    ["weighted_vote", "-.9 A.1", "A", 1, "... whatever the weight"],
    ["vote", "-.2 -.9", null, 1, "nothing parsed: the best text, no answer"],
    ["best_of", "A?", "A", 0, "one candidate without a score"],
    ["best_of", "A? B? B?", "B", 1, "no score at all: majority"],
    ["weighted_vote", "C? A? B? A?", "A", 1, "no score at all: majority"],
    ["weighted_vote", "A? A.8 B.9", "A", 1, "an unscored one has an average vote"],
    ["vote", "", null, null, "no candidates"],
  ])("%s of [%s] is %s (candidate %s): %s", (strategy, text, answer, index) => {
    const selection = select(input(strategy, text));
    expect(selection).toMatchObject({ answer, index, abstained: null });
  });

  test("does not depend on the order of arrival", () => {
    const text = "A.5 B.9 A.6 -.7 C.3 B.2";
    for (const strategy of ["vote", "best_of", "weighted_vote"] as const) {
      const inOrder = select(input(strategy, text));
      const reversed = select(input(strategy, "", { candidates: candidates(text).reverse() }));
      expect(reversed).toEqual(inOrder);
    }
  });

  test("free text: every candidate is a unit, the most probable one wins with any strategy", () => {
    for (const strategy of ["vote", "best_of", "weighted_vote"] as const) {
      const selection = select(input(strategy, "-.2 -.9 -.4", { options: [] }));
      expect(selection).toMatchObject({ answer: null, index: 1, ranking: [1, 2, 0], votes: [] });
    }
  });
});

describe("the ranking", () => {
  test("goes by answer, then by probability, and ends with what did not parse", () => {
    const selection = select(input("vote", "B.9 A.1 -.95 A.2 C.3"));
    expect(selection.ranking).toEqual([3, 1, 0, 4, 2]);
    expect(selection.units.map((unit) => unit.answer)).toEqual(["A", "B", "C", null]);
    expect(selection.votes).toEqual([
      { answer: "A", count: 2 },
      { answer: "B", count: 1 },
      { answer: "C", count: 1 },
    ]);
  });

  test("names every candidate once", () => {
    const text = "A.5 -.9 B.5 A.5 -.9 C.1 B.5";
    for (const strategy of ["vote", "best_of", "weighted_vote"] as const) {
      const { ranking } = select(input(strategy, text));
      expect([...ranking].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    }
  });
});
