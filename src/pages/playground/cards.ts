/** What the page shows of a result: the answer, the candidates, the time, and the call as code. */
import type { Answer, Candidate, Escalation } from "./api.ts";
import { card, make } from "./dom.ts";

const confidenceReasons: Readonly<Record<string, string>> = {
  degraded: "no confidence: the adapter could not score",
  language_not_validated: "no confidence: validated on English alone",
  not_calibrated: "no confidence: the adapter is not calibrated for this kind of question",
  not_validated_for_llm_task: "no confidence: the adapter was not validated with this LLM and task",
  not_calibrated_for_strategy: "no confidence: not calibrated for this strategy",
  too_few_candidates: "no confidence: fewer than three candidates gave an answer",
  plan_incomplete: "no confidence: an LLM of the plan has written nothing",
  no_answer: "no confidence: no candidate gave an answer",
};

const abstainReasons: Readonly<Record<string, string>> = {
  below_threshold: "it is not sure enough",
  target_unattainable: "no threshold can promise this error rate",
  target_not_fitted: "no threshold was fitted for this error rate",
  no_confidence: "there is no confidence to go by",
};

/** The answer with its confidence, or why there is none. */
export function answerCard(answer: Answer): HTMLElement {
  const { adapter, votes, failed } = answer;
  const parts: HTMLElement[] = [];
  if (answer.urgent_text !== null) parts.push(make("p", "urgent", answer.urgent_text));
  if (answer.abstained) {
    const why = abstainReasons[answer.abstained_reason ?? ""] ?? answer.abstained_reason ?? "";
    parts.push(make("p", "answer", "No answer"), make("p", "", `It abstains: ${why}.`));
  } else {
    parts.push(make("p", "answer good", answer.answer ?? "Nothing could be read as an answer"));
  }
  const reason = answer.confidence_reason ?? "";
  const sure =
    answer.confidence === null
      ? (confidenceReasons[reason] ?? reason)
      : `confidence ${Math.round(answer.confidence * 100)} %`;
  parts.push(make("p", "", sure));
  const several = answer.usage.llms.length > 1;
  const counted = votes
    .map(({ answer: label, count, by_llm: by }) => {
      const whose = Object.entries(by).map(([llm, n]) => `${llm} ${n}`);
      return `${label} ${count}${several ? ` (${whose.join(", ")})` : ""}`;
    })
    .join(", ");
  const facts = [`votes: ${counted === "" ? "none" : counted}`, `chosen by ${answer.strategy}`];
  if (adapter !== null) {
    const how = adapter.channel === "stable" ? "" : ` (${adapter.channel})`;
    facts.push(`adapter ${adapter.name}@${adapter.version}${how}`);
  }
  for (const { llm, reason: why, candidates } of answer.skipped) {
    facts.push(`${llm} was skipped for ${candidates}: ${why}`);
  }
  if (answer.cost !== null) facts.push(costText(answer));
  if (answer.degraded) facts.push(`degraded: ${answer.degraded_reason}`);
  for (const { reason: name, count } of failed) facts.push(`${count} not there: ${name}`);
  for (const escalation of answer.escalations) {
    parts.push(make("p", "", `Stage ${escalation.stage} was asked: ${reasonText(escalation)}.`));
  }
  parts.push(make("p", "quiet", facts.join(" · ")), make("p", "quiet", answer.notice));
  return card("Answer", ...parts);
}

/** What the whole cost, and each LLM of several. */
function costText({ cost, usage }: Answer): string {
  const each = usage.llms.flatMap(({ llm, cost: own }) => (own ? [`${llm} ${own.amount}`] : []));
  const parts = each.length > 1 ? ` (${each.join(", ")})` : "";
  return `cost ${cost?.amount} ${cost?.currency}${parts}`;
}

/** Why a further stage was entered. */
export function reasonText({ reason, judged }: Escalation): string {
  if (reason === "failed") return "no candidate of the stage before came";
  if (reason === "no_answer") return "no candidate of the stage before gave an answer";
  if (judged === null) return "the stage before was not sure";
  return `the ${judged.by} of the stage before was ${percent(judged.value)}, ${percent(judged.threshold)} would have been enough`;
}

const percent = (share: number) => `${Math.round(share * 100)} %`;

/** One candidate: its answer, a bar of its probability, its text. */
function item(candidate: Omit<Candidate, "arrived_ms" | "scored_ms">, leads: boolean) {
  const { answer, probability, score, text, llm } = candidate;
  const label = make("span", "label", answer ?? "(none)");
  const line = make("div", "line", label);
  if (llm !== undefined) line.append(make("span", "quiet", llm));
  if (probability !== null) {
    const meter = make("meter", "");
    meter.value = probability;
    meter.ariaLabel = `probability of candidate ${candidate.index + 1}`;
    meter.title = `score ${score?.toFixed(2)}`;
    line.append(meter, make("span", "number", percent(probability)));
  } else {
    line.append(make("span", "quiet", "not scored"));
  }
  const row = make("li", leads ? "leading" : "", line);
  if (text !== undefined) row.append(words(text, leads));
  return row;
}

const FIRST = 90;

/** The first words, and all of them when opened. The leading candidate's are open from the start. */
function words(text: string, open: boolean): HTMLElement {
  if (text.length <= FIRST && !text.includes("\n")) return make("p", "quiet text", text);
  const first = text.length > FIRST ? `${text.slice(0, FIRST - 1)}…` : text;
  const summary = make("summary", "");
  const details = make("details", "quiet", summary, make("p", "text", text));
  // The closed summary shows the first words, the open one must not repeat them.
  const name = () => summary.replaceChildren(details.open ? "Whole text" : first);
  details.addEventListener("toggle", name);
  details.open = open;
  name();
  return details;
}

/** Candidates as they arrive, and ranked at the end. */
export class CandidateList {
  readonly element = make("ol", "candidates");
  readonly #came: Candidate[] = [];

  /** Shows one more; `leader` is the index of the one that leads now. */
  add(candidate: Candidate, leader: number | null): void {
    this.#came.push(candidate);
    this.show(this.#came, leader);
  }

  /** Shows all, in this order. */
  show(
    candidates: readonly Omit<Candidate, "arrived_ms" | "scored_ms">[],
    leader: number | null,
  ): void {
    this.element.replaceChildren(
      ...candidates.map((candidate) => item(candidate, candidate.index === leader)),
    );
  }
}

/** A JSON body as one shell word. */
const quoted = (body: object) => `'${JSON.stringify(body).replaceAll("'", "'\\''")}'`;

/** The call as a curl command. */
export function curlCard(path: string, body: object): HTMLElement {
  const auth = '-H "authorization: Bearer $MEDADAPTER_KEY"';
  return codeCard("This call with curl", [
    `curl -s ${location.origin}${path} \\`,
    `  -H 'content-type: application/json' ${auth} \\`,
    `  -d ${quoted(body)}`,
  ]);
}

/** The same question to the OpenAI SDK. */
export function sdkCard(model: string, question: string, medadapter: object): HTMLElement {
  const extra = JSON.stringify(medadapter);
  return codeCard("With the OpenAI SDK for Node", [
    'import OpenAI from "openai";',
    `const client = new OpenAI({ baseURL: "${location.origin}/v1", apiKey: process.env.MEDADAPTER_KEY });`,
    "const answer = await client.chat.completions.create({",
    `  model: ${JSON.stringify(model)},`,
    `  messages: [{ role: "user", content: ${JSON.stringify(question)} }],`,
    `  medadapter: ${extra},`,
    "});",
    "console.log(answer.choices[0].message.content, answer.medadapter.confidence);",
  ]);
}

function codeCard(title: string, lines: readonly string[]): HTMLElement {
  const text = lines.join("\n");
  const pre = make("pre", "", make("code", "", text));
  // A long line scrolls, so the keyboard must reach it.
  pre.tabIndex = 0;
  pre.role = "region";
  pre.ariaLabel = title;
  const copy = make("button", "", "Copy");
  copy.type = "button";
  copy.ariaLabel = `Copy: ${title}`;
  copy.addEventListener("click", () => {
    void navigator.clipboard.writeText(text).then(() => {
      copy.textContent = "Copied";
    });
  });
  return card(title, pre, copy);
}

/** What overlapped: the LLM, the question's encoding, each candidate's scoring. */
export function timeLineCard({ timing, candidates }: Answer): HTMLElement {
  const total = Math.max(timing.total_ms, 1);
  const grid = make("div", "time");
  const row = (name: string, bars: readonly [from: number, to: number, kind: string][]) => {
    const track = make("div", "track");
    for (const [from, to, kind] of bars) {
      const bar = make("div", `bar ${kind}`);
      bar.style.left = `${(from / total) * 100}%`;
      bar.style.width = `${(Math.max(0, to - from) / total) * 100}%`;
      track.append(bar);
    }
    grid.append(make("span", "", name), track);
  };
  row("LLM writes", [[0, timing.llm_ms, "llm"]]);
  let free = timing.prefix_ms ?? 0;
  if (timing.prefix_ms !== null) row("question", [[0, timing.prefix_ms, ""]]);
  const scored = candidates
    .flatMap(({ index, arrived_ms, scored_ms }) =>
      scored_ms === null ? [] : [{ index, arrived: arrived_ms, done: scored_ms }],
    )
    .sort((x, y) => x.done - y.done);
  for (const { index, arrived, done } of scored) {
    const begin = Math.max(arrived, free);
    row(`candidate ${index + 1}`, [
      [arrived, begin, "waits"],
      [begin, done, ""],
    ]);
    free = done;
  }
  const sentence = `Answered after ${Math.round(timing.total_ms)} ms; the LLM wrote for ${Math.round(timing.llm_ms)} of them, ${Math.round(timing.after_llm_ms)} ms were left after its last byte.`;
  // Screen readers read the sentence instead of the bars.
  grid.ariaHidden = "true";
  return card("Time", make("p", "", sentence), grid);
}
