/** The form that asks: the LLM writes, candidates appear, one is chosen. */
import { answerCard } from "./answerCard.ts";
import { ask, models, Refused } from "./api.ts";
import { CandidateList } from "./candidateList.ts";
import { curlCard, sdkCard } from "./codeCard.ts";
import { byId, card, make } from "./dom.ts";
import type { Example } from "./examples.ts";
import { QuestionFields } from "./questionFields.ts";
import { say } from "./status.ts";
import { timeLineCard } from "./timeLine.ts";
import type { Asked } from "./wire.ts";

const counts = ["1", "3", "5", "8", "16", "32", "auto"];

export async function setUpAsk(examples: readonly Example[]): Promise<void> {
  const fields = new QuestionFields("ask", examples);
  const count = byId("ask-k", HTMLSelectElement);
  const abstain = byId("ask-abstain", HTMLSelectElement);
  const model = byId("ask-model", HTMLSelectElement);
  const stop = byId("ask-stop", HTMLButtonElement);
  count.append(...counts.map((value) => new Option(value, value, value === "8", value === "8")));
  model.append(...(await models()).map((name) => new Option(name, name)));
  let running = new AbortController();
  stop.addEventListener("click", () => running.abort());
  byId("ask-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    running.abort();
    running = new AbortController();
    const settings = {
      k: count.value === "auto" ? ("auto" as const) : Number(count.value),
      ...(abstain.value === "" ? {} : { abstain: { target_error: Number(abstain.value) } }),
    };
    void run(fields.read(), settings, model.value, running.signal, stop);
  });
}

async function run(
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
  say("The LLM writes ...");
  stop.disabled = false;
  try {
    let came = 0;
    for await (const event of ask(body, byId("key", HTMLInputElement).value, signal)) {
      if (event.kind === "candidate") {
        came += 1;
        list.add(event.candidate, event.candidate.leader.index);
        votes.textContent = `Votes: ${event.candidate.votes.map(({ answer, count }) => `${answer} ${count}`).join(", ")}`;
        say(`${came} scored; ${event.candidate.leader.answer ?? "none"} leads.`);
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
        say(answer.abstained ? "Abstained." : `Answered: ${answer.answer ?? "see the text"}.`);
      }
    }
  } catch (error) {
    if (signal.aborted) say("Stopped.");
    else say(error instanceof Refused ? error.message : "The service cannot be reached.", true);
  } finally {
    stop.disabled = true;
  }
}
