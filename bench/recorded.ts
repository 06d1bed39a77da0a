/** The recorded examples that the bench asks: a question, and what an LLM said to it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface RecordedQuestion {
  readonly question: string;
  readonly options: Readonly<Record<string, string>> | null;
  readonly context: string | null;
  readonly task: string;
  readonly texts: readonly string[];
}

export function recordedQuestions(): RecordedQuestion[] {
  const folder = join(import.meta.dirname, "..", "examples", "recorded");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const { question, options, context, task, candidates } = JSON.parse(line);
      const texts = candidates.map(({ text }: { text: string }) => text);
      return { question, options, context, task, texts };
    });
}
