/**
 * The fields of a question, which both forms have: example, question, options, context. The build writes the recorded
 * examples, which the local LLM can answer, beside the page.
 */
import type { Asked } from "./api.ts";
import { byId, make } from "./dom.ts";

/** Shown first, where it is among the examples: the one that `npm start` asks. Most of its candidates are wrong. */
const FIRST = "medqa-09";

export class QuestionFields {
  readonly #list: HTMLSelectElement;
  readonly #question: HTMLTextAreaElement;
  readonly #options: HTMLTextAreaElement;
  readonly #context: HTMLTextAreaElement;
  /** Checked: the LLM does not see the context. Null: no LLM is asked. */
  readonly #unseen: HTMLInputElement | null;
  readonly #examples: readonly Example[];

  /**
   * Fills the form with an example.
   * @param form what the fields' ids begin with
   * @param shown told of each example that is shown; undefined: one's own question
   */
  constructor(
    form: "ask" | "rank",
    examples: readonly Example[],
    shown: (example: Example | undefined) => void = () => {},
  ) {
    this.#list = byId(`${form}-example`, HTMLSelectElement);
    this.#question = byId(`${form}-question`, HTMLTextAreaElement);
    this.#options = byId(`${form}-options`, HTMLTextAreaElement);
    this.#context = byId(`${form}-context`, HTMLTextAreaElement);
    this.#unseen = form === "ask" ? byId("ask-unseen", HTMLInputElement) : null;
    this.#examples = examples;
    fillExamples(this.#list, examples);
    const show = () => {
      const example = this.#chosen();
      this.#question.value = example?.question ?? "";
      this.#options.value = writeOptions(example?.options);
      this.#context.value = example?.context ?? "";
      shown(example);
    };
    this.#list.addEventListener("change", show);
    const first = examples.find(({ id }) => id === FIRST) ?? examples[0];
    this.#list.value = first?.id ?? "";
    show();
  }

  read(): Asked {
    const options = this.#options.value.trim();
    const context = this.#context.value;
    const kind = this.#unseen?.checked === true ? "evidence" : "context";
    const task = this.#chosen()?.task;
    return {
      question: this.#question.value,
      ...(options === "" ? {} : { options: readOptions(options) }),
      ...(context.trim() === "" ? {} : { [kind]: context }),
      ...(task === undefined ? {} : { task }),
    };
  }

  #chosen(): Example | undefined {
    return this.#examples.find(({ id }) => id === this.#list.value);
  }
}

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
function fillExamples(list: HTMLSelectElement, examples: readonly Example[]): void {
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

function writeOptions(options: Asked["options"]): string {
  return (options ?? [])
    .map(({ label, text }) => (label === text ? label : `${label}: ${text}`))
    .join("\n");
}
