/** The answer parser on the wordings and languages of `fixtures/answers`, and its work on texts of growing length. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { languages } from "../../src/tasks/answer/lexicon.ts";
import { parseAnswer } from "../../src/tasks/parse.ts";
import { optionList, readGolden, taskNamed } from "./golden.node.ts";

interface Case {
  readonly kind?: string;
  readonly language?: string;
  readonly task?: string;
  /** A name in `options.json`; none for a closed task. */
  readonly options?: string;
  readonly text: string;
  readonly label: string | null;
}

const file = new URL("../fixtures/answers/options.json", import.meta.url);
const optionSets = new Map<string, Record<string, string>>(
  Object.entries(JSON.parse(readFileSync(file, "utf8"))),
);

function answerOf({ task = "mcq", options = "", text }: Case): string | null {
  return parseAnswer(taskNamed(task), optionList(optionSets.get(options) ?? null), text).label;
}

const wordings = readGolden<Case>("answers/wordings.jsonl");
const translated = readGolden<Case>("answers/languages.jsonl");

test.each(wordings)("$kind: $text", (row) => {
  expect(answerOf(row)).toBe(row.label);
});

test.each(translated)("$language: $text", (row) => {
  expect(answerOf(row)).toBe(row.label);
});

test("every language of the lexicon has cases with and without an answer, of letters and of yes and no", () => {
  for (const code of Object.keys(languages).filter((name) => name !== "en")) {
    const own = translated.filter(({ language }) => language === code);
    expect(own.length, code).toBeGreaterThanOrEqual(12);
    expect(
      own.some(({ label }) => label === "no"),
      code,
    ).toBe(true);
    expect(
      own.some(({ label }) => label === "maybe"),
      code,
    ).toBe(true);
    expect(
      own.some(({ label }) => label === null),
      code,
    ).toBe(true);
  }
});

test("words of two languages mean in each what they mean there", () => {
  const cases: [string, string | null][] = [
    // "no" denies in Spanish; in English it may stand anywhere before a statement.
    ["There is no doubt that the answer is C.", "C"],
    ["No hay duda: la respuesta es la C.", "C"],
    // "die", "la", "son", "a" are articles, verbs and prepositions elsewhere.
    ["The patient will die. The answer is C.", "C"],
    ["Die Patientin stirbt nicht daran. Die Antwort ist C.", "C"],
    ["Il a une fièvre. La réponse est C.", "C"],
    ["A paciente tem febre. A resposta é C.", "C"],
  ];
  for (const [text, label] of cases)
    expect(answerOf({ options: "drugs", text, label })).toBe(label);
});

describe("work grows with the text's length, not with its square", () => {
  const small = 10_000;
  test.each([
    "not B but ",
    "答案",
    "は",
    "정답은 ",
    "La respuesta ",
    "Question: ",
    "Question:\n",
    "2. a?\nA. x\n",
    "| Answer |\n",
    "A: correct\n",
    "✓",
    '"choice": ',
    "<|im_end|>",
    "[INST]",
    "C'dir ",
    "e\u0301",
    "\u064f",
    "B değil, ",
    "parce ",
    "the correct option ",
  ])("%j", (unit) => {
    const timeOf = (length: number) => {
      const text = unit.repeat(Math.ceil(length / unit.length));
      const runs = [0, 1, 2].map(() => {
        const start = performance.now();
        answerOf({ options: "drugs", text, label: null });
        return performance.now() - start;
      });
      return Math.min(...runs);
    };
    timeOf(small);
    // Sixteen times the text: 16 times the work, where it were quadratic 256 times.
    expect(timeOf(16 * small)).toBeLessThan(130 * Math.max(timeOf(small), 0.5));
  });
});
