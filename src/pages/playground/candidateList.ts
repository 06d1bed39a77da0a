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

/** The first words; all of them on demand, and at once of the one that leads. */
function words(text: string, open: boolean): HTMLElement {
  const first = text.length > 90 ? `${text.slice(0, 89)}…` : text;
  const details = make("details", "quiet", make("summary", "", first), make("p", "text", text));
  details.open = open;
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
