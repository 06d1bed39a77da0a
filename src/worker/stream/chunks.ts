/** The events of a stream: OpenAI's chunks (`chat.completion.chunk`), and one for each candidate. */
import type { AnswerEvent } from "../pipeline/answer.ts";
import { type Include, wireCandidate } from "../routes/answerBody.ts";
import type { Choice } from "../routes/choices.ts";

/** What all chunks of one stream have in common. */
export interface Envelope {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

/** A few words each, up to 48 characters. By code points: no pair of surrogates is torn. */
const PIECES = /.{1,48}(?=\s|$)|.{1,48}/gsu;

type Delta = { readonly role?: "assistant"; readonly content?: string };

/** A part of a choice; `finish` in its last. */
function chunk(of: Envelope, index: number, delta: Delta, finish: Choice["finishReason"] | null) {
  const choice = { index, delta, logprobs: null, finish_reason: finish };
  return { ...of, object: "chat.completion.chunk" as const, choices: [choice] };
}

/** The begin of the first choice, ahead of everything: the LLM has not said a word yet. */
export function urgentChunk(of: Envelope, urgentText: string) {
  return chunk(of, 0, { role: "assistant", content: `${urgentText}\n\n` }, null);
}

/** A whole choice, part by part. The last part ends it and carries no text. `begun`: its role has been sent. */
export function* chunksOf(of: Envelope, choice: Choice, begun: boolean) {
  const { index, content, finishReason } = choice;
  if (!begun) yield chunk(of, index, { role: "assistant", content: "" }, null);
  for (const piece of content.match(PIECES) ?? []) yield chunk(of, index, { content: piece }, null);
  yield chunk(of, index, {}, finishReason);
}

/** The chunk that carries nothing but the usage, as OpenAI sends it where `include_usage` is set. */
export function usageChunk(of: Envelope, usage: object) {
  return { ...of, object: "chat.completion.chunk" as const, choices: [], usage };
}

/** A candidate that has come, and what leads now. `choices` is there for clients that read it of every event. */
export function candidateEvent(
  of: Envelope,
  { candidate, leader }: Extract<AnswerEvent, { kind: "candidate" }>,
  include: Include,
) {
  return {
    ...of,
    object: "medadapter.candidate" as const,
    choices: [],
    ...wireCandidate(candidate, include),
    leader: { index: leader.index, answer: leader.answer },
    votes: leader.votes,
  };
}
