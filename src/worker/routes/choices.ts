/** What a chat's caller reads: the n best candidates, or one sentence where the service abstained. */
import { type Care, urgentFirst } from "../care.ts";
import type { Outcome } from "../pipeline/outcome.ts";

export interface Choice {
  readonly index: number;
  readonly content: string;
  readonly finishReason: "stop" | "length" | "content_filter";
}

/** The n best, ranked: fewer where fewer candidates hold text. The first says first what is urgent. */
export function choicesOf(
  outcome: Outcome,
  n: number,
  abstainedText: string,
  care: Care,
): Choice[] {
  if (outcome.chosen === null) {
    return [{ index: 0, content: urgentFirst(care, abstainedText), finishReason: "stop" }];
  }
  return outcome.candidates
    .filter(({ state }) => state !== "empty")
    .slice(0, n)
    .map(({ text, finishReason }, index) => ({
      index,
      content: index === 0 ? urgentFirst(care, text) : text,
      finishReason: finishReason === "other" ? "stop" : finishReason,
    }));
}
