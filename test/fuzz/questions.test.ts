/** Questions out of chat messages, and the urgent list, on any text. */
import fc from "fast-check";
import { expect } from "vitest";
import { questionFromText } from "../../src/tasks/fromText.ts";
import { parseUrgentRules, standardRules, urgentKind } from "../../src/tasks/urgent/urgent.ts";
import { fuzz } from "./fuzz.ts";
import { anyTask, anyText } from "./texts.ts";

/** Labels in the order of the alphabets that options are counted by. */
const counted = [
  "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  "abcdefghijklmnopqrstuvwxyz",
  Array.from({ length: 20 }, (_, at) => at + 1).join(""),
  "АБВГДЕЖЗИК",
  "абвгдежзик",
  "أبجدهوزحطي",
  "कखगघङचछज",
  "アイウエオカキク",
  "가나다라마바사아",
  "①②③④⑤⑥⑦⑧⑨⑩",
];

fuzz(
  "a question is taken apart without a word of its own",
  0.2,
  fc.record({ text: anyText, task: fc.option(anyTask, { nil: null }) }),
  ({ text, task }) => {
    const { question, options, context } = questionFromText(text, task);
    expect(question === "").toBe(text.trim() === "");
    expect(options.length).not.toBe(1);
    const labels = options.map(({ label }) => label).join("");
    expect(counted.some((letters) => letters.startsWith(labels))).toBe(true);
    if (task?.kind === "free") expect(options).toEqual([]);
    if (task?.context === "forbidden") expect(context).toBeNull();
    const given = text.replaceAll("\r\n", "\n");
    for (const part of [question, context ?? ""].flatMap((one) => one.split("\n"))) {
      expect(given).toContain(part.trim());
    }
    const bare = given.replaceAll("**", "");
    for (const option of options) expect(bare).toContain(option.text.replaceAll("**", ""));
  },
);

const KINDS = [null, "emergency", "self_harm"];

fuzz("the urgent list says one of its kinds", 0.1, anyText, (text) => {
  expect(KINDS).toContain(urgentKind(text, standardRules));
});

fuzz(
  "a cry for help is seen after any sentence, whatever that says",
  0.05,
  anyText.filter((text) => text.normalize("NFKC").length < 4_000),
  (text) => {
    expect(urgentKind(`${text}\nI want to kill myself.`, standardRules)).not.toBeNull();
  },
);

fuzz("rules that are no rules are refused", 0.02, fc.oneof(anyText, fc.json()), (text) => {
  expect(parseUrgentRules(text)).toBeNull();
});
