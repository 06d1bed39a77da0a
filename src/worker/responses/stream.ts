/** An answer as the typed events of OpenAI's Responses: the message is begun, filled piece by piece, ended, and then whole. */
import type { Context } from "hono";
import type { Ask } from "../answer/ask.ts";
import { answerParts, type Include } from "../answer/body.ts";
import type { Notices } from "../answer/emergencyNotice.ts";
import type { Outcome } from "../answer/outcome.ts";
import {
  type AnswerWriter,
  candidateEvent,
  escalationEvent,
  streamEvents,
  textPieces,
} from "../answer/stream.ts";
import type { AppEnv, Config } from "../config/parts.ts";
import { type Problem, problemBody } from "../http/problems.ts";
import { endedResponse, outputMessage, outputOf, outputPart } from "./body.ts";
import type { ResponseEvent, ResponseObject } from "./schema.ts";

export interface ResponseForm {
  /** Of the request, without a prefix. */
  readonly id: string;
  readonly begun: ResponseObject;
  readonly notices: Notices;
  readonly include: Include;
  /** An event for each candidate. */
  readonly candidates: boolean;
}

/** The response. Throws `Problem` on refusal. */
export function streamResponse(
  c: Context<AppEnv>,
  ask: Ask,
  form: ResponseForm,
): Promise<Response> {
  const { config } = c.get("parts");
  const requestId = c.get("requestId");
  return streamEvents(c, ask, (stream) => {
    let sequence = 0;
    const send = (event: Unnumbered) => {
      const { type, ...rest } = event;
      stream.send({ type, sequence_number: sequence, ...rest }, type);
      sequence += 1;
    };
    return writerOf(send, requestId, form, config);
  });
}

type Unnumbered = ResponseEvent extends infer Event
  ? Event extends ResponseEvent
    ? Omit<Event, "sequence_number">
    : never
  : never;

function writerOf(
  send: (event: Unnumbered) => void,
  requestId: string,
  { id, begun, notices, include, candidates }: ResponseForm,
  { abstainedText, currency }: Pick<Config, "abstainedText" | "currency">,
): AnswerWriter {
  const { urgentText } = notices;
  const place = { item_id: `msg_${id}`, output_index: 0, content_index: 0 };
  const say = (delta: string) =>
    send({ type: "response.output_text.delta", ...place, delta, logprobs: [] });
  let opened = false;
  const open = () => {
    if (opened) return;
    opened = true;
    const item = outputMessage(id, "in_progress", null);
    send({ type: "response.output_item.added", output_index: 0, item });
    send({ type: "response.content_part.added", ...place, part: outputPart("") });
  };
  return {
    begin: () => {
      send({ type: "response.created", response: begun });
      send({ type: "response.in_progress", response: begun });
      if (urgentText === null) return;
      open();
      say(`${urgentText}\n\n`);
    },
    candidate: (event) => {
      if (!candidates) return;
      const envelope = { id: begun.id, created: begun.created_at, model: begun.model };
      const candidate = candidateEvent(envelope, event, include);
      send({ type: "medadapter.candidate", candidate });
    },
    escalated: (event) => {
      if (!candidates) return;
      const envelope = { id: begun.id, created: begun.created_at, model: begun.model };
      send({ type: "medadapter.escalation", escalation: escalationEvent(envelope, event) });
    },
    outcome: (outcome: Outcome) => {
      open();
      // The urgent text went out first.
      const rest = outputOf(outcome, abstainedText, { ...notices, urgentText: null });
      for (const piece of textPieces(rest.text)) say(piece);
      const output = outputOf(outcome, abstainedText, notices);
      const { text } = output;
      const status = output.cutBy === null ? "completed" : "incomplete";
      const item = outputMessage(id, status, text);
      send({ type: "response.output_text.done", ...place, text, logprobs: [] });
      send({ type: "response.content_part.done", ...place, part: outputPart(text) });
      send({ type: "response.output_item.done", output_index: 0, item });
      const medadapter = answerParts(outcome, { notices, include, currency });
      const response = endedResponse(begun, item, output, outcome, medadapter);
      send({ type: `response.${status}`, response });
    },
    failed: (problem: Problem) => {
      const { code, message } = problemBody(problem, requestId).error;
      const response = { ...begun, status: "failed" as const, error: { code, message } };
      send({ type: "response.failed", response });
    },
  };
}
