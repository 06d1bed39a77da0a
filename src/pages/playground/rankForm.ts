/** The form that ranks texts which are there. */
import { Refused, rank } from "./api.ts";
import { CandidateList } from "./candidateList.ts";
import { curlCard } from "./codeCard.ts";
import { byId, card, make } from "./dom.ts";
import type { Example } from "./examples.ts";
import { QuestionFields } from "./questionFields.ts";
import { say } from "./status.ts";
import type { Asked } from "./wire.ts";

const between = "\n---\n";

export function setUpRank(examples: readonly Example[]): void {
  const texts = byId("rank-texts", HTMLTextAreaElement);
  const usable = examples.filter((example) => example.texts !== undefined);
  const fields = new QuestionFields("rank", usable, (example) => {
    texts.value = (example?.texts ?? []).join(between);
  });
  byId("rank-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const documents = texts.value
      .split(/^\s*---\s*$/mu)
      .map((text) => text.trim())
      .filter((text) => text !== "");
    const { question: query, ...rest } = fields.read();
    void run({ query, documents, ...rest });
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
