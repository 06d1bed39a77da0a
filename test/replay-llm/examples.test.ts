/** The shipped recordings, asked for by the prompts that the service really sends. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { loadRecordings, RecordingBook } from "../../scripts/replay-llm/recordings.ts";
import { renderPrompt } from "../../src/tasks/prompt.ts";
import { taskById } from "../../src/tasks/registry.ts";

const FOLDER = fileURLToPath(new URL("../../examples/recorded/", import.meta.url));

const exampleSchema = z.object({
  id: z.string(),
  task: z.string(),
  question: z.string(),
  options: z.record(z.string(), z.string()).nullable(),
  context: z.string().nullable(),
});

const examples = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".jsonl"))
  .flatMap((name) => readFileSync(`${FOLDER}${name}`, "utf8").split("\n"))
  .filter((line) => line !== "")
  .map((line) => exampleSchema.parse(JSON.parse(line)));

describe("every recorded example", () => {
  it("is found in its own task's prompt, and no other is", () => {
    const book = new RecordingBook(loadRecordings([FOLDER]));
    expect(examples.length).toBeGreaterThanOrEqual(50);
    for (const { id, task: taskId, question, options, context } of examples) {
      const task = taskById(taskId);
      if (task === null) throw new Error(`${id} names a task that is none`);
      const listed = Object.entries(options ?? {}).map(([label, text]) => ({ label, text }));
      const messages = renderPrompt(task, { question, options: listed, context });
      const spoken = messages.map(({ role, content }) => ({ role, text: content }));
      expect(book.find(spoken)?.id).toBe(id);
    }
  });
});
