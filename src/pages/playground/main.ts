/**
 * The playground has two forms. One asks: the LLM writes, candidates appear, one is chosen. The other ranks texts that
 * the reader has.
 */
import { type Asked, ask, models, Refused, rank } from "./api.ts";
import { answerCard, CandidateList, curlCard, reasonText, sdkCard, timeLineCard } from "./cards.ts";
import { byId, card, make, setUpTabs, showStatus } from "./dom.ts";
import { type Example, loadExamples, QuestionFields } from "./questionFields.ts";

/** Numbers of candidates to choose from. */
const counts = ["1", "3", "5", "8", "16", "32", "auto"];

/** The form that asks. */
async function setUpAsk(examples: readonly Example[]): Promise<void> {
  const fields = new QuestionFields("ask", examples);
  const count = byId("ask-k", HTMLSelectElement);
  const abstain = byId("ask-abstain", HTMLSelectElement);
  const model = byId("ask-model", HTMLSelectElement);
  const stop = byId("ask-stop", HTMLButtonElement);
  count.append(...counts.map((value) => new Option(value, value, value === "8", value === "8")));
  const offered = await models();
  model.append(...offered.map(({ name }) => new Option(name, name)));
  const isPlanned = () => offered.find(({ name }) => name === model.value)?.isPlanned ?? false;
  // A plan says itself how many candidates its LLMs write.
  const showCount = () => {
    count.disabled = isPlanned();
  };
  model.addEventListener("change", showCount);
  showCount();
  let running = new AbortController();
  stop.addEventListener("click", () => running.abort());
  byId("ask-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    running.abort();
    running = new AbortController();
    const k = count.value === "auto" ? ("auto" as const) : Number(count.value);
    const settings = {
      ...(isPlanned() ? {} : { k }),
      ...(abstain.value === "" ? {} : { abstain: { target_error: Number(abstain.value) } }),
    };
    void askAndShow(fields.read(), settings, model.value, running.signal, stop);
  });
}

async function askAndShow(
  asked: Asked,
  settings: object,
  model: string,
  signal: AbortSignal,
  stop: HTMLButtonElement,
): Promise<void> {
  const result = byId("result", HTMLElement);
  const list = new CandidateList();
  const votes = make("p", "quiet", "No candidate yet.");
  const candidates = card("Candidates", votes, list.element);
  result.replaceChildren(candidates);
  const body = { ...asked, ...settings, ...(model === "" ? {} : { model }) };
  showStatus("The LLM writes ...");
  stop.disabled = false;
  try {
    let came = 0;
    for await (const event of ask(body, byId("key", HTMLInputElement).value, signal)) {
      if (event.kind === "candidate") {
        came += 1;
        list.add(event.candidate, event.candidate.leader.index);
        votes.textContent = `Votes: ${event.candidate.votes.map(({ answer, count }) => `${answer} ${count}`).join(", ")}`;
        showStatus(`${came} scored; ${event.candidate.leader.answer ?? "none"} leads.`);
      } else if (event.kind === "escalation") {
        const { llms = [] } = event.escalation;
        showStatus(`Asking ${llms.join(", ")}: ${reasonText(event.escalation)}.`);
      } else {
        const { answer } = event;
        list.show(
          answer.candidates,
          answer.abstained ? null : (answer.candidates[0]?.index ?? null),
        );
        const { question, ...rest } = asked;
        result.replaceChildren(
          answerCard(answer),
          candidates,
          timeLineCard(answer),
          curlCard("/v1/answer", body),
          sdkCard(model, question, { ...rest, ...settings }),
        );
        showStatus(
          answer.abstained ? "Abstained." : `Answered: ${answer.answer ?? "see the text"}.`,
        );
      }
    }
  } catch (error) {
    if (signal.aborted) showStatus("Stopped.");
    else
      showStatus(error instanceof Refused ? error.message : "The service cannot be reached.", true);
  } finally {
    stop.disabled = true;
  }
}

/** Between two texts in the form that ranks. */
const between = "\n---\n";

/** The form that ranks. */
function setUpRank(examples: readonly Example[]): void {
  const texts = byId("rank-texts", HTMLTextAreaElement);
  const usable = examples.filter((example) => example.texts !== undefined);
  const fields = new QuestionFields("rank", usable, (example) => {
    texts.value = (example?.texts ?? []).join(between);
  });
  byId("rank-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const documents = texts.value
      .split(/^[ \t]*---[ \t]*$/mu)
      .map((text) => text.trim())
      .filter((text) => text !== "");
    const { question: query, ...rest } = fields.read();
    void rankAndShow({ query, documents, ...rest });
  });
}

interface RankBody extends Omit<Asked, "question"> {
  readonly query: string;
  readonly documents: readonly string[];
}

async function rankAndShow(body: RankBody): Promise<void> {
  const result = byId("result", HTMLElement);
  showStatus("The adapter reads ...");
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
    showStatus(`${results.length} ranked.`);
  } catch (error) {
    showStatus(error instanceof Refused ? error.message : "The service cannot be reached.", true);
  }
}

setUpTabs(["ask", "rank"], () => {
  byId("result", HTMLElement).replaceChildren();
  showStatus("");
});
const examples = await loadExamples();
setUpRank(examples);
await setUpAsk(examples);
document.body.dataset.ready = "true";
