/** Questions taken out of one chat message. */
import { describe, expect, test } from "vitest";
import { questionFromText } from "../../src/tasks/fromText.ts";
import { optionList, readGolden, taskNamed } from "./golden.node.ts";

const drugs = optionList({ A: "Aspirin", B: "Rest, at home", C: "Surgery" });

describe("options", () => {
  test.each([
    "Which one?\nA. Aspirin\nB. Rest, at home\nC. Surgery",
    "Which one?\n\nOptions:\nA) Aspirin\nB) Rest, at home\nC) Surgery",
    "Question: Which one?\n(A) Aspirin\n(B) Rest, at home\n(C) Surgery\n",
    "Which one?\r\n- A: Aspirin\r\n- B: Rest, at home\r\n- C: Surgery",
    "Which one?\n**A.** Aspirin\n\n**B.** Rest, at home\n\n**C.** Surgery",
    "Which one?\nAnswer Choices: (A) Aspirin (B) Rest, at home (C) Surgery",
    "Which one? (A) Aspirin, (B) Rest, at home, (C) Surgery",
  ])("%j", (text) => {
    expect(questionFromText(text, null)).toEqual({
      question: "Which one?",
      options: drugs,
      context: null,
    });
  });

  test("one lettered line, or letters that do not begin at A, are no options", () => {
    for (const text of ["Vitamins?\nA. Only this", "B. One\nC. Two", "He has hepatitis (B) now?"]) {
      expect(questionFromText(text, null)).toEqual({ question: text, options: [], context: null });
    }
  });

  test("what follows the options belongs to the question", () => {
    const found = questionFromText("Which one?\nA. Aspirin\nB. Rest\nThink first.", null);
    expect(found.question).toBe("Which one?\nThink first.");
    expect(found.options).toHaveLength(2);
  });

  test("free text keeps its lettered lines", () => {
    const text = "Summarise:\nA. One\nB. Two";
    expect(questionFromText(text, taskNamed("mediqa")).question).toBe(text);
  });
});

describe("context", () => {
  test("stands under its heading, up to the question", () => {
    const text =
      "Context: First line.\nSecond line.\n\nQuestion: Does it help?\n\nOptions:\nyes\nno\nmaybe";
    expect(questionFromText(text, taskNamed("pubmedqa"))).toEqual({
      question: "Does it help?",
      options: [],
      context: "First line.\nSecond line.",
    });
  });

  test("may follow the question, and go with options", () => {
    const text = "Which one?\nAbstract: Rest helped.\nA. Aspirin\nB. Rest";
    expect(questionFromText(text, null)).toEqual({
      question: "Which one?",
      options: optionList({ A: "Aspirin", B: "Rest" }),
      context: "Rest helped.",
    });
  });

  test("premise and hypothesis", () => {
    const text = "Premise: Her temperature was 36.7.\nHypothesis: She has a fever.";
    expect(questionFromText(text, taskNamed("mednli"))).toEqual({
      question: "She has a fever.",
      options: [],
      context: "Her temperature was 36.7.",
    });
  });

  test("alone is no question: then the whole text is", () => {
    const text = "Context: only this";
    expect(questionFromText(text, null)).toEqual({ question: text, options: [], context: null });
  });
});

test("a plain question comes back verbatim", () => {
  const text = "Is 5 mg: enough? (See A. below)\n  It hurts.";
  expect(questionFromText(text, null)).toEqual({ question: text, options: [], context: null });
});

test("one megabyte is read in linear time", () => {
  for (const unit of ["A. x\n", "(A) (B) ", "Context: ", "Context:\n", " ", "\n", "A.\u2028 "]) {
    const start = performance.now();
    questionFromText(unit.repeat(1_000_000 / unit.length), null);
    expect(performance.now() - start).toBeLessThan(20_000);
  }
});

describe("options as people write them", () => {
  interface Case {
    readonly text: string;
    /** Null: the text holds no options, and all of it is the question. */
    readonly question: string | null;
    readonly labels: string;
    readonly last?: string;
  }

  test.each(readGolden<Case>("chatQuestions.jsonl"))(
    "$text",
    ({ text, question, labels, last }) => {
      const found = questionFromText(text, null);
      expect(found.options.map(({ label }) => label).join(",")).toBe(labels);
      expect(found.options.at(-1)?.text).toBe(last);
      expect(found.question).toBe(question ?? text);
    },
  );
});
