/** The answer parser on any text: it never throws, and what it finds is one of the options. */
import fc from "fast-check";
import { expect } from "vitest";
import { parseAnswer } from "../../src/tasks/parse.ts";
import { labelOptions } from "../../src/tasks/question.ts";
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

fuzz(
  "whatever stands before it, the answer of the last line is the one that counts",
  0.1,
  fc.record({
    task: anyTask.filter(({ id }) => id === "mcq" || id === "medqa"),
    text: anyText,
    label: fc.constantFrom("A", "B", "C", "D"),
  }),
  ({ task, text, label }) => {
    const parsed = parseAnswer(task, lettered, `${text}\n\nAnswer: ${label}`);
    expect(parsed).toEqual({ label, how: "marker" });
  },
);
