/** The registry's entries, the guess of a task, the rules on options and context, the judges. */
import { describe, expect, test } from "vitest";
import { isCorrect, judgePrompt, readVerdict } from "../../src/tasks/prompt.ts";
import { fitQuestion, labelOptions } from "../../src/tasks/question.ts";
import { inferTask, taskById, taskIds } from "../../src/tasks/registry.ts";
import { readTask } from "../../src/tasks/task.ts";
import { optionList, taskNamed } from "./golden.node.ts";

const drugs = { A: "Aspirin", B: "Rest" };
const yesNo = { yes: "yes", no: "no" };

test("the ten tasks of the paper and the two general ones are there", () => {
  expect([...taskIds].sort()).toEqual(
    "bioasq cord19 mcq mediqa mediqa_rqe medmcqa mednli medqa mmlu_med pubhealth pubmedqa yesno".split(
      " ",
    ),
  );
  expect(taskById("nosuchtask")).toBeNull();
});

test.each([...taskIds])("%s: labels go with the kind, aliases belong to labels", (id) => {
  const task = taskNamed(id);
  expect(task.labels.length > 0).toBe(task.kind === "closed");
  expect(task.options).toBe(
    { closed: "labels", lettered: "required", free: "forbidden" }[task.kind],
  );
  expect(task.labels).toEqual(expect.arrayContaining(Object.keys(task.parser.aliases)));
});

test("a registry entry with a wrong field is refused by name", () => {
  expect(() => readTask({ ...taskNamed("medqa"), kind: "open" })).toThrow("medqa.kind");
  expect(() => readTask([])).toThrow("not an object");
});

describe("a question without a task", () => {
  const infer = (question: string, options: Record<string, string>, context: string | null) =>
    inferTask({ question, options: optionList(options), context }).id;

  test.each([
    ["Which drug?", drugs, null, "mcq"],
    ["Is it?", { A: "yes", B: "no" }, null, "mcq"],
    ["Is it?", yesNo, null, "yesno"],
    ["Is it?", { No: "no", Yes: "Yes" }, "An abstract.", "yesno"],
    ["Is it?", { ...yesNo, maybe: "maybe" }, "An abstract.", "pubmedqa"],
    ["Is it?", { ...yesNo, maybe: "maybe" }, null, "pubmedqa"],
    [
      "He is well.",
      { entailment: "entailment", neutral: "neutral", contradiction: "contradiction" },
      "A note.",
      "mednli",
    ],
    ["Does a call help?", {}, "An abstract.", "pubmedqa"],
    ["Does a call help?", {}, " ", "yesno"],
    ["He smokes. Can this cause a cough ?", {}, null, "yesno"],
    ["Isn\u2019t iron needed?", {}, null, "yesno"],
    ["Is it viral or bacterial?", {}, null, "mediqa"],
    ["How long is it contagious?", {}, null, "mediqa"],
    ["", {}, null, "mediqa"],
  ])("%s %j %j -> %s", (question, options, context, task) => {
    expect(infer(question, options, context)).toBe(task);
  });
});

describe("rules on options and context", () => {
  const fitted = (id: string, options: Record<string, string>, context: string | null) =>
    fitQuestion(taskNamed(id), { question: "Q?", options: optionList(options), context });

  test("a closed task gets its labels as options, whatever order or case was given", () => {
    const filled = {
      question: { question: "Q?", options: labelOptions(taskNamed("pubmedqa")), context: null },
    };
    expect(fitted("pubmedqa", {}, "  ")).toEqual(filled);
    expect(fitted("pubmedqa", { Maybe: "maybe", NO: "no", yes: "yes" }, null)).toEqual(filled);
  });

  test.each([
    ["medqa", {}, null, "options_required"],
    ["mediqa", drugs, null, "options_forbidden"],
    ["pubmedqa", yesNo, null, "options_not_labels"],
    ["mednli", {}, null, "context_required"],
    ["cord19", {}, " ", "context_required"],
  ])("%s with %j and %j: %s", (id, options, context, kind) => {
    expect(fitted(id, options, context)).toMatchObject({ fault: { kind } });
  });
});

describe("judges", () => {
  test("a label is right where it is the gold label; no label is wrong", () => {
    expect(isCorrect("yes", "Yes ")).toBe(true);
    expect(isCorrect("A", "B")).toBe(false);
    expect(isCorrect(null, "A")).toBe(false);
  });

  test("an LLM judge is asked about free text only, with the texts as they are", () => {
    expect(judgePrompt(taskNamed("medqa"), "Q", "R", "C")).toBeNull();
    const chat = judgePrompt(taskNamed("mediqa"), "Q {reference} $&", "R {candidate}", "C");
    expect(chat?.[1]?.content).toContain("Question: Q {reference} $&\n");
    expect(chat?.[1]?.content).toContain("Reference answer: R {candidate}\n");
    expect(chat?.[1]?.content).toContain("Answer to judge: C\n");
  });

  test.each([
    ["Same advice, same duration.\n#### yes", true],
    ["It leaves out the warning.\n#### no", false],
    ["I cannot say.", null],
  ])("verdict of %j", (text, verdict) => {
    expect(readVerdict(text)).toBe(verdict);
  });
});
