/** Candidates as they arrive, and ranked at the end. */
import { make } from "./dom.ts";
import type { Candidate } from "./wire.ts";

const percent = (share: number) => `${Math.round(share * 100)} %`;

/** One candidate: its answer, a bar of its probability, its text. */
function item(candidate: Omit<Candidate, "arrived_ms" | "scored_ms">, leads: boolean) {
  const { answer, probability, score, text } = candidate;
  const label = make("span", "label", answer ?? "(none)");
  const line = make("div", "line", label);
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

/** The first words; all of them on demand, and at once of the one that leads. */
function words(text: string, open: boolean): HTMLElement {
  if (text.length <= FIRST && !text.includes("\n")) return make("p", "quiet text", text);
  const first = text.length > FIRST ? `${text.slice(0, FIRST - 1)}…` : text;
  const summary = make("summary", "");
  const details = make("details", "quiet", summary, make("p", "text", text));
  // No word stands there twice.
  const name = () => summary.replaceChildren(details.open ? "Whole text" : first);
  details.addEventListener("toggle", name);
  details.open = open;
  name();
  return details;
}

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
