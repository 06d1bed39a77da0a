/** Thinking in its many forms is taken out; words about thinking stay. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withoutThinking } from "../../src/tasks/thinking.ts";

const said = "It is scurvy.\n\nAnswer: C";

describe("thinking is taken out", () => {
  it.each([
    ["<think>Answer: A</think>", ""],
    ["<thinking>Answer: A</thinking>\n\n", ""],
    ["<thought>Answer: A</thought>", ""],
    ["<reasoning>Answer: A</reasoning>\n", ""],
    ["<reflection>Answer: A</reflection>\n", ""],
    ["<THINK>Answer: A</THINK>", ""],
    ['<think mode="deep">Answer: A</think>', ""],
    ["<seed:think>Answer: A</seed:think>", ""],
    ["[THINK]Answer: A[/THINK]", ""],
    ["[reasoning]Answer: A[/reasoning]", ""],
    ["◁think▷Answer: A◁/think▷", ""],
    ["＜think＞Answer: A＜/think＞", ""],
    ["【think】Answer: A【/think】", ""],
    ["&lt;think&gt;Answer: A&lt;/think&gt;", ""],
    ["<|begin_of_thought|>Answer: A<|end_of_thought|><|begin_of_solution|>", "<|end_of_solution|>"],
    ["<|START_THINKING|>Answer: A<|END_THINKING|><|START_RESPONSE|>", "<|END_RESPONSE|>"],
    ["<|think|>Answer: A<|/think|>", ""],
    ["<unused94>thought\nAnswer: A<unused95>", ""],
    ["<|channel>thought\nAnswer: A<channel|>", ""],
    ["<|inner_prefix|>Answer: A<|inner_suffix|>", ""],
    ["Here is my thought process:\nAnswer: A\n\nHere is my response:\n", ""],
    ["## Thinking\n\nAnswer: A\n\n## Final Response\n\n", ""],
    [
      "<|channel|>analysis<|message|>Answer: A<|end|><|start|>assistant<|channel|>final<|message|>",
      "<|return|>",
    ],
    [
      "<|channel|>analysis<|message|>Answer: A<|end|><|start|>assistant<|channel|>commentary<|message|>B<|end|><|start|>assistant<|channel|>final<|message|>",
      "",
    ],
    ["analysisAnswer: A. Hm.assistantfinal", ""],
    // The template wrote the opening tag.
    ["Answer: A\n</think>\n\n", ""],
    ["Let me see. Answer: A ◁/think▷", ""],
    // Nested, repeated, several.
    ["<think>one <think>two</think> Answer: A</think>", ""],
    ["<think>\n<think>\nAnswer: A</think>", ""],
    ["<think>one</think><think>Answer: A</think>", ""],
    ["<thinking>one <reflection>Answer: A</reflection> two</thinking>", ""],
    // Closed by another name.
    ["<think>Answer: A</thinking>", ""],
  ])("%j", (before, after) => {
    expect(withoutThinking(`${before}${said}${after}`)).toEqual({ text: said, thinking: "closed" });
  });

  it("in the middle and at the end as well", () => {
    expect(withoutThinking("First. <think>A?</think> Answer: C").text).toBe("First.  Answer: C");
    expect(withoutThinking("Answer: C\n<think>or A?</think>").text).toBe("Answer: C");
    expect(withoutThinking("Answer: C\n<think>or A").text).toBe("Answer: C");
  });

  it.each([
    "<think>Answer: A",
    "<think>Answer: A</think>\n ",
    "<think>one <think>two</think> Answer: A",
    "[THINK]Answer: A",
    "◁think▷Answer: A",
    "<|begin_of_thought|>Answer: A",
    "<unused94>thought\nAnswer: A",
    "<|channel|>analysis<|message|>Answer: A",
    "<|channel|>anal",
    "Here is my thought process: Answer: A",
    "## Thinking\n\nAnswer: A",
    "Answer: A\n</think>",
  ])("and leaves nothing where nothing was said after it: %j", (text) => {
    expect(withoutThinking(text)).toEqual({ text: "", thinking: "open" });
  });

  it("that was never closed ends where an answer begins", () => {
    const { text, thinking } = withoutThinking("<think>A? <answer>C</answer>");
    expect({ text, thinking }).toEqual({ text: "<answer>C</answer>", thinking: "closed" });
  });
});

describe("what is no thinking stays as it is", () => {
  it.each([
    said,
    "I think it is C. My thinking: scurvy.",
    "The model wrote `<think>` and stopped. Answer: C",
    'It begins with "<think>", always. Answer: C',
    "[Reasoning] Scurvy follows. [Answer] C",
    "[Analysis]\nThe gums bleed.\nAnswer: C",
    "### Thinking\nA or C?\n\n### Answer\nC",
    "if a < think > b then C",
    "analysis of the blood shows iron. Answer: C",
    "Thinking about it, C <answer>C</answer>",
    "",
    "  \n",
  ])("%j", (text) => {
    expect(withoutThinking(text)).toEqual({ text, thinking: "none" });
  });
});

describe("any text", () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        "<think>",
        "</think>",
        "[/THINK]",
        "<|channel|>final<|message|>",
        "◁think▷",
        "<answer>",
        "<|end|>",
      ),
      fc.string({ maxLength: 12 }),
    ),
    { maxLength: 30 },
  );

  it("never grows, read once or twice", () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const { text } = withoutThinking(parts.join(""));
        expect(text.length).toBeLessThanOrEqual(parts.join("").length);
        expect(withoutThinking(text).text.length).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 500 },
    );
  });

  it("of a million characters is read in one pass", () => {
    for (const piece of [
      "<",
      "<think",
      "<think ",
      "<|channel|>",
      "[",
      "<think>",
      "</think>",
      "<answer>",
      "&lt;",
      "\n#",
    ]) {
      const { text } = withoutThinking(piece.repeat(1_000_000 / piece.length));
      expect(text.length).toBeLessThanOrEqual(1_000_000);
    }
  });
});
