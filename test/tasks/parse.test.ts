/** The answer parser against the golden table, and on texts made to be slow or to break it. */
import { describe, expect, test } from "vitest";
import { answerReader, parseAnswer } from "../../src/tasks/parse.ts";
import { optionList, readGolden, taskNamed } from "./golden.node.ts";

interface GoldenAnswer {
  readonly task: string;
  readonly options: Readonly<Record<string, string>> | null;
  readonly text: string;
  readonly label: string | null;
  readonly how: string;
}

const golden = readGolden<GoldenAnswer>("answers.jsonl");

test("the golden table has every way to answer, and enough of each", () => {
  expect(golden.length).toBeGreaterThanOrEqual(90);
  for (const how of ["marker", "phrase", "bare", "option_text", "none", "conflict"]) {
    expect(golden.filter((row) => row.how === how).length).toBeGreaterThanOrEqual(8);
  }
});

test.each(golden)("$task: $text", ({ task, options, text, label, how }) => {
  expect(parseAnswer(taskNamed(task), optionList(options), text)).toEqual({ label, how });
});

describe("any input", () => {
  const mcq = taskNamed("mcq");
  const drugs = optionList({ A: "Aspirin", B: "Ibuprofen", C: "Aspirin and ibuprofen", D: "Rest" });
  const million = (unit: string) => unit.repeat(Math.ceil(1_000_000 / unit.length));

  test.each([
    "A ",
    "a ",
    "answer ",
    "Answer: ",
    'Answer("A") or ',
    "is A, ",
    "the answer is ",
    "Aspirin and ",
    "aspirin ((((",
    "(",
    "*",
    "#### A\n",
    "####",
    "\n",
    "<answer ",
    "<answer>",
    "\\boxed{",
    "\\",
    "not ",
    "A\n",
    "therefore ",
    "best is ",
    "\u00e9",
    "\ud83d\ude00",
  ])("one megabyte of %j is read in linear time", (unit) => {
    const text = `${million(unit)}\nAnswer: D`;
    const start = performance.now();
    expect(parseAnswer(mcq, drugs, text).how).toBeTypeOf("string");
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  test("option texts are data: names of object members, signs of patterns, blanks", () => {
    const odd = optionList({ A: "constructor", B: "__proto__", C: ".*", D: "  " });
    expect(parseAnswer(taskNamed("pubmedqa"), odd, "Answer: constructor").label).toBe("A");
    expect(parseAnswer(mcq, odd, "Answer: __proto__").label).toBe("B");
    expect(parseAnswer(mcq, odd, "Answer: anything").label).toBeNull();
  });

  test("two options with one text match neither by it, but each by its letter", () => {
    const same = optionList({ A: "Rest", B: "rest.", C: "Sleep" });
    expect(parseAnswer(mcq, same, "Answer: rest").label).toBeNull();
    expect(parseAnswer(mcq, same, "Answer: B").label).toBe("B");
  });

  test("labels come back as the caller wrote them", () => {
    expect(parseAnswer(mcq, optionList({ a: "Rest", b: "Sleep" }), "Answer: B").label).toBe("b");
    expect(parseAnswer(mcq, optionList({ "1": "Rest", "2": "Sleep" }), "Answer: 2").label).toBe(
      "2",
    );
  });
});

test("for many texts the options are read once", () => {
  let reads = 0;
  const options = optionList({ A: "Rest", B: "Sleep" }).map(({ label, text }) => ({
    label,
    get text() {
      reads += 1;
      return text;
    },
  }));
  const read = answerReader(taskNamed("mcq"), options);
  expect(reads).toBe(0);
  const labels = Array.from(
    { length: 50 },
    (_, at) => read(at % 2 ? "Answer: A" : "Answer: B").label,
  );
  expect(new Set(labels)).toEqual(new Set(["A", "B"]));
  expect(reads).toBe(options.length);
});
