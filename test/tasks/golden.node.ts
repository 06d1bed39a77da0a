/** Reads the golden files that the Python tests read too. */
import { readFileSync } from "node:fs";
import type { Option } from "../../src/tasks/question.ts";
import { taskById } from "../../src/tasks/registry.ts";
import type { TaskSpec } from "../../src/tasks/task.ts";

/** One object a line of `test/fixtures/<name>`. */
export function readGolden<Row>(name: string): Row[] {
  const text = readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

/** `{A: "text"}` as options, in the order of the file. */
export function optionList(options: Readonly<Record<string, string>> | null): Option[] {
  return Object.entries(options ?? {}).map(([label, text]) => ({ label, text }));
}

/** A task that must exist. */
export function taskNamed(id: string): TaskSpec {
  const task = taskById(id);
  if (task === null) throw new Error(`no task ${id}`);
  return task;
}
