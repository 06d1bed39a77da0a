/**
 * The pipeline's events as a stream. What is refused is refused before the first byte, as a plain response; a fault after
 * it is the last event. `streamEvents` is for all routes. `streamAnswer` is the form of `/v1/answer` and chat completions:
 * candidates as they are scored (for those who ask), then the chosen text in chunks (OpenAI's `chat.completion.chunk`),
 * what led to it, `[DONE]`.
 */
import type { Context } from "hono";
import type { AppEnv } from "../config/parts.ts";
import { EventStream } from "../http/eventStream.ts";
import { problemOf } from "../http/faults.ts";
import { type Problem, type ProblemKind, problemBody } from "../http/problems.ts";
import type { RequestId } from "../http/request.ts";
import type { Ask } from "./ask.ts";
import { type Choice, choicesOf, type Include, tokenUsage, wireCandidate } from "./body.ts";
import type { Notices } from "./emergencyNotice.ts";
import type { Outcome } from "./outcome.ts";
import type { AnswerEvent } from "./pipeline.ts";
import { wireEscalation } from "./planBody.ts";
import { answerEvents, type RunEvent, requester } from "./run.ts";

/** How the routes' streams differ. */
export interface StreamForm {
  /** Id of the chunks. */
  readonly id: string;
  /** How many of the best are sent as choices. */
  readonly n: number;
  /** What is urgent is sent at once. */
  readonly notices: Notices;
  /** Parts of the candidates' events; null: no such events. */
  readonly candidates: Include | null;
  /** A chunk with the usage before the end. */
  readonly usage: boolean;
  /** Name of the event that carries `medadapter`; null: none, as OpenAI's clients know no names. */
  readonly finalName: string | null;
  /** What the last chunk of text carries beside it. */
  readonly medadapter: (outcome: Outcome) => object;
}

/** What a stream says, event by event, in the form of its route. */
export interface AnswerWriter {
  /** Before the LLM has said a word. */
  begin(): void;
  candidate(event: Extract<AnswerEvent, { kind: "candidate" }>): void;
  /** A further stage of the plan is entered. */
  escalated(event: Extract<AnswerEvent, { kind: "escalated" }>): void;
  outcome(outcome: Outcome): void;
  /** A fault after the first byte: the last event. */
  failed(problem: Problem): void;
}

/**
 * A stream of an answer. The response; the work goes on until the client has it all, or has left. Throws `Problem` on
 * refusal.
 */
export async function streamEvents(
  c: Context<AppEnv>,
  ask: Ask,
  writerOf: (stream: EventStream) => AnswerWriter,
): Promise<Response> {
  const left = new AbortController();
  const signal = AbortSignal.any([c.get("signal"), left.signal]);
  const events = answerEvents(c.get("parts"), ask, requester(c, signal));
  const first = await events.next(); // admitted, or given again, or thrown
  if (!first.done && first.value.kind === "replay") {
    await events.return();
    return first.value.response;
  }
  const stream = new EventStream(() => left.abort());
  const done = sendAll(c.get("requestId"), events, stream, writerOf(stream));
  c.set("streamed", done);
  // The end of the response, or of the client, must not end what gives the places back.
  c.executionCtx.waitUntil(done);
  return c.body(stream.body, 200, {
    "content-type": "text/event-stream; charset=utf-8",
    // `no-transform`: a proxy that compresses would hold events back until it has a block of them.
    "cache-control": "no-cache, no-transform",
  });
}

/** Sends everything; the problem that ended it, or null. Never throws. */
async function sendAll(
  requestId: RequestId,
  events: AsyncIterable<RunEvent>,
  stream: EventStream,
  writer: AnswerWriter,
): Promise<ProblemKind | null> {
  writer.begin();
  try {
    for await (const event of events) {
      if (event.kind === "candidate") writer.candidate(event);
      else if (event.kind === "escalated") writer.escalated(event);
      else if (event.kind === "final") writer.outcome(event.outcome);
    }
    return null;
  } catch (thrown) {
    const problem = problemOf(thrown, requestId);
    writer.failed(problem);
    return problem.kind;
  } finally {
    stream.close();
  }
}

/** A stream of chunks in the form of chat completions. Throws `Problem` on refusal. */
export function streamAnswer(c: Context<AppEnv>, ask: Ask, form: StreamForm): Promise<Response> {
  const { abstainedText } = c.get("parts").config;
  const requestId = c.get("requestId");
  const created = Math.floor(Date.now() / 1000);
  const envelope: Envelope = { id: form.id, created, model: ask.model };
  const { urgentText } = form.notices;
  return streamEvents(c, ask, (stream) => ({
    begin: () => {
      if (urgentText !== null) stream.send(urgentChunk(envelope, urgentText));
    },
    candidate: (event) => {
      if (form.candidates === null) return;
      stream.send(candidateEvent(envelope, event, form.candidates), "candidate");
    },
    escalated: (event) => {
      if (form.candidates !== null) stream.send(escalationEvent(envelope, event), "escalation");
    },
    outcome: (outcome) => sendOutcome(stream, envelope, outcome, form, abstainedText),
    failed: (problem) => stream.send({ error: problemBody(problem, requestId).error }, "error"),
  }));
}

function sendOutcome(
  stream: EventStream,
  envelope: Envelope,
  outcome: Outcome,
  form: StreamForm,
  abstainedText: string,
): void {
  // The urgent text went out first.
  const notices = { ...form.notices, urgentText: null };
  const begun = form.notices.urgentText !== null;
  const chunks = choicesOf(outcome, form.n, abstainedText, notices).flatMap((choice) => [
    ...chunksOf(envelope, choice, begun && choice.index === 0),
  ]);
  const last = chunks.pop();
  // As OpenAI does: a member that is null until the chunk that has it.
  const noUsage = form.usage ? { usage: null } : {};
  for (const chunk of chunks) stream.send({ ...chunk, ...noUsage });
  stream.send({ ...last, ...noUsage, medadapter: form.medadapter(outcome) }, form.finalName);
  if (form.usage) stream.send(usageChunk(envelope, tokenUsage(outcome.usage)));
  stream.send("[DONE]");
}

/** What all chunks of one stream have in common. */
export interface Envelope {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

/** A few words each, up to 48 characters. By code points: no pair of surrogates is torn. */
const PIECES = /.{1,48}(?=\s|$)|.{1,48}/gsu;

/** A text in the pieces that it is streamed in. */
export function textPieces(text: string): readonly string[] {
  return text.match(PIECES) ?? [];
}

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
  for (const piece of textPieces(content)) yield chunk(of, index, { content: piece }, null);
  yield chunk(of, index, {}, finishReason);
}

/** The chunk that carries nothing but the usage, as OpenAI sends it where `include_usage` is set. */
export function usageChunk(of: Envelope, usage: object) {
  return { ...of, object: "chat.completion.chunk" as const, choices: [], usage };
}

/** A further stage that is entered. `choices` as in a candidate's event. */
export function escalationEvent(
  of: Envelope,
  { escalation, llms }: Extract<AnswerEvent, { kind: "escalated" }>,
) {
  return {
    ...of,
    object: "medadapter.escalation" as const,
    choices: [],
    ...wireEscalation(escalation),
    llms: [...llms],
  };
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
    votes: [...leader.votes],
  };
}
