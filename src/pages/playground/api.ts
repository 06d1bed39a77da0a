/** Calls of this page to the Worker it came from. */
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { Answer, CandidateEvent, Ranked } from "./wire.ts";

/** What the service said no with; `message` is its own sentence. */
export class Refused extends Error {}

function headers(key: string): Record<string, string> {
  return {
    "content-type": "application/json",
    ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
  };
}

async function refusal(response: Response): Promise<Refused> {
  const problem = (await response.json().catch(() => ({}))) as { detail?: unknown };
  const { detail } = problem;
  return new Refused(
    typeof detail === "string" ? detail : `The service answered ${response.status}.`,
  );
}

export type AskEvent =
  | { readonly kind: "candidate"; readonly candidate: CandidateEvent }
  | { readonly kind: "answer"; readonly answer: Answer };

/** Asks and reads the stream. Throws `Refused`, and what `fetch` throws when it is aborted. */
export async function* ask(
  body: object,
  key: string,
  signal: AbortSignal,
): AsyncGenerator<AskEvent, void> {
  const response = await fetch("/v1/answer", {
    method: "POST",
    headers: { ...headers(key), accept: "text/event-stream" },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok || response.body === null) throw await refusal(response);
  const waiting: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => waiting.push(message) });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(value);
    for (const { event, data } of waiting.splice(0)) {
      if (event === "candidate") yield { kind: "candidate", candidate: JSON.parse(data) };
      if (event === "answer") yield { kind: "answer", answer: JSON.parse(data).medadapter };
      if (event === "error") throw new Refused(JSON.parse(data).error.message);
    }
  }
}

/** Scores texts that are there. Throws `Refused`. */
export async function rank(body: object, key: string): Promise<Ranked> {
  const response = await fetch("/v1/rerank", {
    method: "POST",
    headers: headers(key),
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

/** Names of the LLMs that can be asked; none where the service wants a key first. */
export async function models(): Promise<string[]> {
  const response = await fetch("/v1/models").catch(() => null);
  if (response === null || !response.ok) return [];
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}
