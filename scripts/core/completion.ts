/** The operation on replies of LLM servers: what the service would read in them. */
import { z } from "zod";
import { Choices, type Settled } from "../../src/llm/openai/choices.ts";
import { readChunk } from "../../src/llm/openai/chunk.ts";
import { ValueReader } from "../../src/llm/openai/events.ts";
import {
  type CallFailure,
  errorOf,
  failureOf,
  reportedFailure,
} from "../../src/llm/openai/failure.ts";
import { refusalOf } from "../../src/llm/openai/refusal.ts";
import { parseJson } from "../../src/net/response.ts";

export const completionRequest = z.strictObject({
  status: z.int(),
  body: z.string(),
  /** Choices that were asked for. */
  n: z.int().min(1),
});

/** A choice's text without thinking and how it ended; a fault's name and the parameter that is refused; the tokens told. */
export function completion({ status, body, n }: z.infer<typeof completionRequest>) {
  if (status < 200 || status > 299) {
    const error = errorOf(parseJson(body) ?? body);
    const failure = failureOf(status, error);
    return faultOf(failure, refusalOf(failure, error)?.parameter ?? null);
  }
  const reader = new ValueReader();
  const choices = new Choices(n);
  const settled: Settled[] = [];
  let usage: { promptTokens?: number; completionTokens?: number } = {};
  for (const { value } of [...reader.read(new TextEncoder().encode(body)), ...reader.end()]) {
    const chunk = readChunk(value);
    if (chunk === null) return faultOf({ reason: "malformed" }, null);
    if (chunk.error !== null) return faultOf(reportedFailure(chunk.error), null);
    usage = { ...usage, ...chunk.usage };
    settled.push(...choices.add(chunk));
  }
  if (reader.fault !== null || choices.seen === 0) return faultOf({ reason: "malformed" }, null);
  settled.push(...choices.end(null));
  return {
    choices: settled
      .flatMap((one) => (one.kind === "candidate" ? [one.candidate] : []))
      .map(({ text, finishReason, cutBy }) => ({ text, finish: finishReason, cut_by: cutBy })),
    failed: settled.flatMap((one) => (one.kind === "failed" ? [one.reason] : [])),
    prompt_tokens: usage.promptTokens ?? null,
    completion_tokens: usage.completionTokens ?? null,
  };
}

function faultOf({ reason }: CallFailure, refused: string | null) {
  return { fault: reason, refused };
}
