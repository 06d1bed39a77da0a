/** The answer with its confidence, or why there is none. */
import { card, make } from "./dom.ts";
import type { Answer } from "./wire.ts";

const confidenceReasons: Readonly<Record<string, string>> = {
  degraded: "no confidence: the adapter could not score",
  not_calibrated: "no confidence: the adapter is not calibrated for this kind of question",
  not_validated_for_llm_task: "no confidence: the adapter was not validated with this LLM and task",
  not_calibrated_for_strategy: "no confidence: not calibrated for this strategy",
  too_few_candidates: "no confidence: fewer than three candidates gave an answer",
  no_answer: "no confidence: no candidate gave an answer",
};

const abstainReasons: Readonly<Record<string, string>> = {
  below_threshold: "it is not sure enough",
  target_unattainable: "no threshold can promise this error rate",
  target_not_fitted: "no threshold was fitted for this error rate",
  no_confidence: "there is no confidence to go by",
};

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
  const counted = votes.map(({ answer: label, count }) => `${label} ${count}`).join(", ");
  const facts = [`votes: ${counted === "" ? "none" : counted}`, `chosen by ${answer.strategy}`];
  if (adapter !== null) {
    const how = adapter.channel === "stable" ? "" : ` (${adapter.channel})`;
    facts.push(`adapter ${adapter.name}@${adapter.version}${how}`);
  }
  if (answer.degraded) facts.push(`degraded: ${answer.degraded_reason}`);
  for (const { reason: name, count } of failed) facts.push(`${count} not there: ${name}`);
  parts.push(make("p", "quiet", facts.join(" · ")), make("p", "quiet", answer.notice));
  return card("Answer", ...parts);
}
