/** The recorded examples, which the local LLM can answer; the build writes them beside the page. */
import { make } from "./dom.ts";
import type { Asked } from "./wire.ts";

export interface Example extends Asked {
  readonly id: string;
  readonly task: string;
  /** Of some: what the LLM wrote, to be ranked. */
  readonly texts?: readonly string[];
}

export async function loadExamples(): Promise<readonly Example[]> {
  const response = await fetch("/examples.json");
  return response.ok ? response.json() : [];
}

/** Fills a list, grouped by task. */
export function fillExamples(list: HTMLSelectElement, examples: readonly Example[]): void {
  for (const task of new Set(examples.map((example) => example.task))) {
    const group = make("optgroup", "");
    group.label = task;
    for (const { id, question } of examples.filter((example) => example.task === task)) {
      const short = question.length > 70 ? `${question.slice(0, 69)}…` : question;
      const option = make("option", "", short);
      option.value = id;
      group.append(option);
    }
    list.append(group);
  }
}

/** `A: text` by line; a line without a colon is its own label. */
export function readOptions(text: string): NonNullable<Asked["options"]> {
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      if (colon < 1) return { label: line, text: line };
      return { label: line.slice(0, colon).trim(), text: line.slice(colon + 1).trim() };
    });
}

export function writeOptions(options: Asked["options"]): string {
  return (options ?? [])
    .map(({ label, text }) => (label === text ? label : `${label}: ${text}`))
    .join("\n");
}
