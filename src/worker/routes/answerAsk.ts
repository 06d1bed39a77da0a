/** `/v1/answer` bodies, of requests and of batches' lines: what they ask for, and what they get. */
import { renderPrompt } from "../../tasks/prompt.ts";
import type { Caller } from "../auth/caller.ts";
import { type Care, urgentFirst } from "../care.ts";
import {
  type Ask,
  readAbstain,
  readAdapter,
  readModel,
  readStore,
  readTaskAndQuestion,
} from "../pipeline/ask.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import { readK, readMaxTokens } from "../pipeline/spend.ts";
import type { AnswerBody, AnswerRequest } from "../schemas/answer.ts";
import { toQuestion } from "../schemas/shared.ts";
import { adapterOf } from "../wiring/adapterNames.ts";
import type { Parts } from "../wiring/parts.ts";
import { answerParts, type Include } from "./answerBody.ts";

const fields = {
  task: "task",
  options: "options",
  context: "context",
  evidence: "evidence",
};

/** What to ask the pipeline. Throws `Problem` naming the field. */
export async function readAnswerAsk(
  body: ReturnType<typeof AnswerRequest.parse>,
  parts: Pick<Parts, "config" | "rollouts">,
  caller: Caller,
): Promise<Ask> {
  const { config } = parts;
  const model = readModel(body.model, config);
  const choice = await readAdapter(
    body.adapter,
    "adapter",
    parts,
    caller,
    adapterOf(model, config),
  );
  const { task, question } = readTaskAndQuestion(body.task, toQuestion(body), fields);
  return {
    task,
    question,
    questionField: "question",
    messages: renderPrompt(task, question),
    model,
    ...readK(body, { k: "k", max_k: "max_k" }, config),
    strategy: body.strategy ?? null,
    abstain: readAbstain(body.abstain),
    ...choice,
    store: readStore(body.store, config),
    sampling: {
      maxTokens: readMaxTokens([["max_tokens", body.max_tokens]], config),
      ...(body.temperature == null ? {} : { temperature: body.temperature }),
      ...(body.top_p == null ? {} : { topP: body.top_p }),
      ...(body.seed == null ? {} : { seed: body.seed }),
    },
  };
}

/** The whole answer. */
export function wholeBody(id: string, outcome: Outcome, care: Care, include: Include): AnswerBody {
  return {
    id,
    object: "answer",
    model: outcome.ask.model,
    text: urgentFirst(care, outcome.chosen?.text ?? null),
    ...answerParts(outcome, care, include),
  };
}
