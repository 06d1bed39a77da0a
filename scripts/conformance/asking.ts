/** How a check asks, and what every answer must fulfil. */
import OpenAI from "openai";
import type { Worker } from "../lib/localStack.ts";
import type { RunningServer } from "./servers.ts";
import type { Exchange, Tap } from "./tap.ts";

/** Where a check runs. */
export interface Bench {
  readonly worker: Worker;
  readonly server: RunningServer;
  readonly tap: Tap;
}

/** The service did something else than it should. The message holds no text of the model. */
export class Differs extends Error {}

export function expectThat(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Differs(otherwise);
}

export interface Answer {
  readonly answer: string | null;
  readonly candidates: readonly { text: string; answer: string | null; state: string }[];
  readonly failed: readonly { reason: string }[];
  readonly usage: { prompt_tokens: number; completion_tokens: number };
}

export const question = {
  question: "Which vitamin is missing in a person with scurvy?",
  options: { A: "Vitamin A", B: "Vitamin B12", C: "Vitamin C", D: "Vitamin D" },
};

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export async function call({ worker }: Bench, path: string, body: unknown, signal?: AbortSignal) {
  const response = await fetch(`${worker.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
  const reply: Reply = {
    status: response.status,
    headers: response.headers,
    text: await response.text(),
  };
  return reply;
}

export async function ask(bench: Bench, body: object): Promise<Answer> {
  bench.tap.take();
  const { status, text } = await call(bench, "/v1/answer", {
    ...question,
    max_tokens: 60,
    ...body,
  });
  expectThat(status === 200, `status ${status} (${problemOf(text)})`);
  return JSON.parse(text) as Answer;
}

/** The problem's kind: a name of ours, no text of the server. */
export function problemOf(text: string): string {
  try {
    return (JSON.parse(text) as { error?: { code?: string } }).error?.code ?? "no problem named";
  } catch {
    return "not JSON";
  }
}

const sum = (exchanges: readonly Exchange[], of: (one: Exchange) => number) =>
  exchanges.reduce((total, one) => total + of(one), 0);

export function expectUsage(answer: Answer, exchanges: readonly Exchange[]): void {
  const { prompt_tokens, completion_tokens } = answer.usage;
  const told = `${sum(exchanges, (one) => one.promptTokens)}+${sum(exchanges, (one) => one.completionTokens)}`;
  const counted = `${prompt_tokens}+${completion_tokens}`;
  expectThat(told === counted, `the server reported ${told} tokens, the service ${counted}`);
}

export function expectTexts({ writes }: RunningServer, answer: Answer): void {
  for (const { text, state } of answer.candidates) {
    expectThat(!text.includes("�"), "a candidate with a broken character");
    expectThat(!/<\/?think/iu.test(text), "a candidate that holds thinking");
    if (writes === "any text") continue;
    expectThat(state === "complete", `a candidate that is ${state}`);
  }
  if (writes === "any text") return;
  const read = answer.candidates.filter((candidate) => candidate.answer !== null).length;
  expectThat(
    read === answer.candidates.length,
    `${read} of ${answer.candidates.length} answers read`,
  );
  // The thinking names A, the answer never does.
  const misread = writes === "thinking" && answer.candidates.some(({ answer: one }) => one === "A");
  expectThat(!misread, "an answer that was read in the thinking");
}

export function way(exchanges: readonly Exchange[]): string {
  const calls = exchanges.map(
    ({ n, status }) => `${n > 1 ? `n=${n}` : "1"}${status === 200 ? "" : ` (${status})`}`,
  );
  return `${exchanges.length} ${exchanges.length === 1 ? "call" : "calls"}: ${calls.join(", ")}`;
}

/** OpenAI's own client. */
export function sdk({ worker }: Bench): OpenAI {
  return new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none", maxRetries: 0 });
}

export const messages = [{ role: "user" as const, content: "What helps against scurvy?" }];
