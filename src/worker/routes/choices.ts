/** What a chat's caller reads: the n best candidates, or one sentence where the service abstained. */
import type { Outcome } from "../pipeline/outcome.ts";

export interface Choice {
  readonly index: number;
  readonly content: string;
  readonly finishReason: "stop" | "length" | "content_filter";
}

/** The n best, ranked: fewer where fewer candidates hold text. */
export function choicesOf(outcome: Outcome, n: number, abstainedText: string): Choice[] {
  if (outcome.chosen === null) return [{ index: 0, content: abstainedText, finishReason: "stop" }];
  return outcome.candidates
    .filter(({ state }) => state !== "empty")
    .slice(0, n)
    .map(({ text, finishReason }, index) => ({
      index,
      content: text,
      finishReason: finishReason === "other" ? "stop" : finishReason,
    }));
}
