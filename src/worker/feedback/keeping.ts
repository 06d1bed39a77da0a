/** Keeps the outcome of a question that was asked with `store: true`, before its answer goes out. */
import type { Caller } from "../auth/caller.ts";
import type { RequestId } from "../observe/requestId.ts";
import type { AnswerEvent } from "../pipeline/answer.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import type { WaitUntil } from "../rollout/pointerWatch.ts";
import type { Parts } from "../wiring/parts.ts";
import { within } from "../within.ts";
import { feedbackId } from "./feedbackId.ts";
import { FeedbackStore } from "./feedbackStore.ts";
import { recordOf } from "./record.ts";

/** A slow store holds no answer up for longer; the answer then says that it is not kept. */
const PATIENCE_MS = 5_000;

export interface KeepFor {
  readonly parts: Parts;
  readonly requestId: RequestId;
  readonly caller: Caller;
  readonly waitUntil: WaitUntil;
}

/** The same events; the last one says whether its outcome is kept. */
export async function* keeping(
  events: AsyncGenerator<AnswerEvent, void>,
  how: KeepFor,
): AsyncGenerator<AnswerEvent, void> {
  for await (const event of events) {
    if (event.kind !== "final") {
      yield event;
      continue;
    }
    let stored = false;
    const kept = () => {
      stored = true;
    };
    const keeps = keep(event.outcome, how).then(kept, () => {});
    await within(keeps, PATIENCE_MS);
    // What is said not to be kept is not, though it be written later, or was and the store failed to say so.
    if (!stored) how.waitUntil(keeps.then(() => forget(how)).catch(() => {}));
    yield { kind: "final", outcome: { ...event.outcome, stored } };
  }
}

async function keep(outcome: Outcome, { parts, requestId, caller }: KeepFor): Promise<void> {
  const { content, config } = parts;
  const id = feedbackId(requestId);
  if (content === null || id === null) throw new Error("nothing can be kept");
  const now = new Date();
  const store = await FeedbackStore.of(content, caller.tenant);
  await store.put(recordOf(id, outcome, caller, now), now.getTime() + config.feedbackKeepMs);
}

async function forget({ parts, requestId, caller }: KeepFor): Promise<void> {
  const id = feedbackId(requestId);
  if (parts.content === null || id === null) return;
  await (await FeedbackStore.of(parts.content, caller.tenant)).remove(id);
}
