/**
 * What calls used whose provider reports nothing of it: those that broke off after they had begun, because somebody left
 * or waited too long, and those of servers that never tell. Providers bill it all the same, so it is estimated for the
 * ledger: whoever leaves early has it from a spending cap. Answers tell reported tokens alone.
 */
import type { GenerateEvent, GenerateFailure } from "../../llm/generator.ts";
import { expectedTokens } from "../ledger/meter.ts";
import type { PricedTokens } from "../ledger/money.ts";

type UsageEvent = Extract<GenerateEvent, { kind: "usage" }>;

/** Failures of calls that had begun to write, as far as anybody knows. */
const BEGUN: ReadonlySet<GenerateFailure> = new Set([
  "aborted",
  "timeout",
  "cut_stream",
  "malformed",
  "too_large",
]);

export interface Unreported {
  /** By estimate. */
  readonly tokens: PricedTokens;
  /** Candidates came, and nothing was told of their tokens. */
  readonly isSilent: boolean;
}

/** One call's events. */
export class CallTally {
  #came = 0;
  /** Candidates that broke off. */
  #broken = 0;

  saw(event: GenerateEvent): void {
    if (event.kind === "candidate") this.#came += 1;
    if (event.kind === "failed" && BEGUN.has(event.reason)) this.#broken += 1;
  }

  /** @param promptBytes of the prompt's messages. @param maxTokens of a candidate */
  unreported(
    { usage, requests, mode }: UsageEvent,
    { promptBytes, maxTokens }: { readonly promptBytes: number; readonly maxTokens: number },
  ): Unreported {
    const isSilent = usage.promptTokens + usage.completionTokens === 0 && this.#came > 0;
    const silent = isSilent ? this.#came : 0;
    // With a request for each candidate, some of those that broke off had not begun. With one for all, the report comes
    // last: where it is there, nothing broke off that it does not count.
    const isTold = usage.promptTokens > 0;
    const begun = mode === "parallel" ? Math.max(0, requests - this.#came) : isTold ? 0 : requests;
    const broken = mode === "parallel" ? Math.min(this.#broken, begun) : begun && this.#broken;
    const candidates = silent + broken;
    const prompts = mode === "parallel" ? candidates : Math.min(candidates, 1);
    const expected = expectedTokens(promptBytes, prompts, candidates);
    const completionTokens = Math.min(expected.completionTokens, candidates * maxTokens);
    return { tokens: { ...expected, completionTokens }, isSilent };
  }
}
