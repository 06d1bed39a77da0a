/** The recorded examples as requests, with what the LLM will say to each. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/lib/localStack.ts";

export interface Recorded {
  readonly id: string;
  readonly task: string;
  readonly question: string;
  readonly options: Readonly<Record<string, string>> | null;
  readonly context: string | null;
  readonly gold: string;
  readonly candidates: readonly { readonly text: string; readonly answer: string | null }[];
}

const folder = join(root, "examples", "recorded");

/** All of them, or those of one task. */
export function recordings(task?: string): Recorded[] {
  const all = readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as Recorded);
  return task === undefined ? all : all.filter((one) => one.task === task);
}

/** The first of a task. */
export function recording(task: string): Recorded {
  const [first] = recordings(task);
  if (first === undefined) throw new Error(`no recording of task ${task}`);
  return first;
}

/** The body of `POST /v1/answer` for a recording. */
export function ask({ question, options, context, task }: Recorded) {
  return { question, options, context, task };
}
