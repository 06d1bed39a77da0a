/**
 * The pipeline's events as a stream, for `/v1/answer` and chat completions alike: candidates as they are scored (for
 * those who ask), then the chosen text in chunks, what led to it, `[DONE]`. What is refused is refused before the first
 * byte, as a plain response; a fault after it is the last event.
 */
import type { Context } from "hono";
import type { Care } from "../care.ts";
import { problemOf } from "../errors/onError.ts";
import { type ProblemKind, problemBody } from "../errors/problems.ts";
import type { AnswerEvent } from "../pipeline/answer.ts";
import type { Ask } from "../pipeline/ask.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import type { Include } from "../routes/answerBody.ts";
import { choicesOf } from "../routes/choices.ts";
import { openAnswer } from "../routes/openAnswer.ts";
import type { AppEnv } from "../wiring/parts.ts";
import { candidateEvent, chunksOf, type Envelope, urgentChunk, usageChunk } from "./chunks.ts";
import { EventStream } from "./eventStream.ts";

/** How the routes' streams differ. */
export interface StreamForm {
  /** Id of the chunks. */
  readonly id: string;
  /** How many of the best are sent as choices. */
  readonly n: number;
  /** What is urgent is sent at once. */
  readonly care: Care;
  /** Parts of the candidates' events; null: no such events. */
  readonly candidates: Include | null;
  /** A chunk with the usage before the end. */
  readonly usage: boolean;
  /** Name of the event that carries `medadapter`; null: none, as OpenAI's clients know no names. */
  readonly finalName: string | null;
  /** What the last chunk of text carries beside it. */
  readonly medadapter: (outcome: Outcome) => object;
}

/** The response; the work goes on until the client has it all, or has left. Throws `Problem` on refusal. */
export async function streamAnswer(
  c: Context<AppEnv>,
  ask: Ask,
  form: StreamForm,
): Promise<Response> {
  const left = new AbortController();
  const events = openAnswer(c, ask, AbortSignal.any([c.get("signal"), left.signal]));
  await events.next(); // admitted, or thrown
  const stream = new EventStream(() => left.abort());
  const done = sendAll(c, events, stream, ask, form);
  c.set("streamed", done);
  // The end of the response, or of the client, must not end what gives the places back.
  c.executionCtx.waitUntil(done);
  return c.body(stream.body, 200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });
}

/** Sends everything; the problem that ended it, or null. Never throws. */
async function sendAll(
  c: Context<AppEnv>,
  events: AsyncIterable<AnswerEvent>,
  stream: EventStream,
  ask: Ask,
  form: StreamForm,
): Promise<ProblemKind | null> {
  const created = Math.floor(Date.now() / 1000);
  const envelope: Envelope = { id: form.id, created, model: ask.model };
  const { urgentText } = form.care;
  if (urgentText !== null) stream.send(urgentChunk(envelope, urgentText));
  try {
    for await (const event of events) {
      if (event.kind === "candidate" && form.candidates !== null) {
        stream.send(candidateEvent(envelope, event, form.candidates), "candidate");
      } else if (event.kind === "final") {
        const { abstainedText } = c.get("parts").config;
        sendOutcome(stream, envelope, event.outcome, form, abstainedText);
      }
    }
    return null;
  } catch (thrown) {
    const problem = problemOf(thrown, c.get("requestId"));
    stream.send({ error: problemBody(problem, c.get("requestId")).error }, "error");
    return problem.kind;
  } finally {
    stream.close();
  }
}

function sendOutcome(
  stream: EventStream,
  envelope: Envelope,
  outcome: Outcome,
  form: StreamForm,
  abstainedText: string,
): void {
  // The urgent text went out first.
  const care = { ...form.care, urgentText: null };
  const begun = form.care.urgentText !== null;
  const chunks = choicesOf(outcome, form.n, abstainedText, care).flatMap((choice) => [
    ...chunksOf(envelope, choice, begun && choice.index === 0),
  ]);
  const last = chunks.pop();
  // As OpenAI does: a member that is null until the chunk that has it.
  const noUsage = form.usage ? { usage: null } : {};
  for (const chunk of chunks) stream.send({ ...chunk, ...noUsage });
  stream.send({ ...last, ...noUsage, medadapter: form.medadapter(outcome) }, form.finalName);
  if (form.usage) stream.send(usageChunk(envelope, wireUsage(outcome)));
  stream.send("[DONE]");
}

function wireUsage({ usage: { promptTokens, completionTokens } }: Outcome) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
