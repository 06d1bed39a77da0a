/** The answer parser on any text: it never throws, and what it finds is one of the options. */
import fc from "fast-check";
import { expect } from "vitest";
import { readChoices } from "../../src/tasks/answer/options.ts";
import { tokenize } from "../../src/tasks/answer/tokens.ts";
import { questionTurns, templateTurns } from "../../src/tasks/answer/turns.ts";
import { parseAnswer } from "../../src/tasks/parse.ts";
import { labelOptions } from "../../src/tasks/question.ts";
import { taskNamed } from "../tasks/golden.node.ts";
import { fuzz } from "./fuzz.ts";
import { anyOptions, anyTask, anyText } from "./texts.ts";

const WITHOUT_LABEL = ["none", "conflict"];

fuzz(
  "an answer is one of the options' labels, or none",
  0.3,
  fc.record({ task: anyTask, options: anyOptions, text: anyText }),
  ({ task, options, text }) => {
    const { label, how } = parseAnswer(task, options, text);
    expect(label === null).toBe(WITHOUT_LABEL.includes(how));
    const known = options.length === 0 ? labelOptions(task) : options;
    if (label !== null) expect(known.map((option) => option.label)).toContain(label);
    if (task.kind === "free") expect(label).toBeNull();
  },
);

const lettered = ["Aspirin", "Ibuprofen", "Rest", "Sleep"].map((text, at) => ({
  label: "ABCD"[at] ?? "",
  text,
}));

const mcq = taskNamed("mcq");

/** Whether a text goes on with a question of its own: what stands behind that is not read. */
function hasTurns(text: string): boolean {
  const choices = readChoices(mcq, lettered);
  return templateTurns(text).length > 1 || questionTurns(tokenize(text), choices).length > 1;
}

fuzz(
  "whatever stands before it but another question, the answer of the last line is the one that counts",
  0.1,
  fc.record({
    task: anyTask.filter(({ id }) => id === "mcq" || id === "medqa"),
    text: anyText.filter((text) => !hasTurns(text)),
    label: fc.constantFrom("A", "B", "C", "D"),
  }),
  ({ task, text, label }) => {
    const parsed = parseAnswer(task, lettered, `${text}\n\nAnswer: ${label}`);
    expect(parsed).toEqual({ label, how: "marker" });
  },
);
