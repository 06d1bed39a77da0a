/** The form that ranks texts which are there. */
import { Refused, rank } from "./api.ts";
import { CandidateList } from "./candidateList.ts";
import { curlCard } from "./codeCard.ts";
import { byId, card, make } from "./dom.ts";
import { type Example, fillExamples, readOptions, writeOptions } from "./examples.ts";
import { say } from "./status.ts";
import type { Asked } from "./wire.ts";

const between = "\n---\n";

export function setUpRank(examples: readonly Example[]): void {
  const form = byId("rank-form", HTMLFormElement);
  const list = byId("rank-example", HTMLSelectElement);
  const question = byId("rank-question", HTMLTextAreaElement);
  const options = byId("rank-options", HTMLTextAreaElement);
  const context = byId("rank-context", HTMLTextAreaElement);
  const texts = byId("rank-texts", HTMLTextAreaElement);
  const usable = examples.filter((example) => example.texts !== undefined);
  fillExamples(list, usable);
  const chosen = () => usable.find(({ id }) => id === list.value);
  const show = (example: Example | undefined) => {
    question.value = example?.question ?? "";
    options.value = writeOptions(example?.options);
    context.value = example?.context ?? "";
    texts.value = (example?.texts ?? []).join(between);
  };
  list.addEventListener("change", () => show(chosen()));
  const [first] = usable;
  if (first !== undefined) {
    list.value = first.id;
    show(first);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const documents = texts.value
      .split(/^\s*---\s*$/mu)
      .map((text) => text.trim())
      .filter((text) => text !== "");
    const task = chosen()?.task;
    void run({
      query: question.value,
      documents,
      ...(options.value.trim() === "" ? {} : { options: readOptions(options.value) ?? [] }),
      ...(context.value.trim() === "" ? {} : { context: context.value }),
      ...(task === undefined ? {} : { task }),
    });
  });
}

interface RankBody extends Omit<Asked, "question"> {
  readonly query: string;
  readonly documents: readonly string[];
}

async function run(body: RankBody): Promise<void> {
  const result = byId("result", HTMLElement);
  say("The adapter reads ...");
  try {
    const { results, medadapter } = await rank(body, byId("key", HTMLInputElement).value);
    const list = new CandidateList();
    list.show(
      results.map(({ index, relevance_score, score, answer }) => ({
        index,
        answer,
        score,
        probability: relevance_score,
        text: body.documents[index] ?? "",
      })),
      results[0]?.index ?? null,
    );
    const { name, version } = medadapter.adapter;
    const facts = `adapter ${name}@${version} · ${medadapter.notice}`;
    result.replaceChildren(
      card("Ranking", make("p", "quiet", facts), list.element),
      curlCard("/v1/rerank", body),
    );
    say(`${results.length} ranked.`);
  } catch (error) {
    say(error instanceof Refused ? error.message : "The service cannot be reached.", true);
  }
}
