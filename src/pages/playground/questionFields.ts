/** The fields of a question, which both forms have: example, question, options, context. */
import { byId } from "./dom.ts";
import { type Example, fillExamples, readOptions, writeOptions } from "./examples.ts";
import type { Asked } from "./wire.ts";

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
