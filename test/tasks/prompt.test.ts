/** Prompts: equal to the golden file that Python renders too, the caller's words verbatim. */
import { expect, test } from "vitest";
import { parseAnswer } from "../../src/tasks/parse.ts";
import { renderPrompt } from "../../src/tasks/prompt.ts";
import type { ChatMessage, Option } from "../../src/tasks/question.ts";
import { taskIds } from "../../src/tasks/registry.ts";
import { optionList, readGolden, taskNamed } from "./golden.node.ts";

interface GoldenPrompt {
  readonly task: string;
  readonly question: string;
  readonly options: readonly Option[];
  readonly context: string | null;
  readonly messages: readonly ChatMessage[];
}

const golden = readGolden<GoldenPrompt>("prompts.golden.jsonl");

test("every task stands in the golden file", () => {
  expect(new Set(golden.map((row) => row.task))).toEqual(new Set(taskIds));
});

test.each(golden)("$task renders as in the golden file", ({ task, messages, ...question }) => {
  expect(renderPrompt(taskNamed(task), question)).toEqual(messages);
});

test.each(golden)("$task: the question stands verbatim in the last message", (row) => {
  const last = row.messages.at(-1);
  expect(last?.role).toBe("user");
  expect(last?.content).toContain(row.question);
});

test.each([...taskIds])(
  "%s: the worked example ends in an answer that its own parser reads",
  (id) => {
    const task = taskNamed(id);
    const { answer, options } = task.prompt.demonstration;
    const parsed = parseAnswer(task, optionList(options), answer);
    if (task.kind === "free") expect(parsed.label).toBeNull();
    else expect(answer).toMatch(new RegExp(`\\n#### ${parsed.label}$`));
    expect(parsed.how).toBe(task.kind === "free" ? "none" : "marker");
  },
);
