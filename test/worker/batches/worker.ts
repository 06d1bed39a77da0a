/** A Worker that takes batches, as if deployed: deliveries of its queue made by hand. */
import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import type { BatchNamespace, LineMessage } from "../../../src/worker/batches/batch.ts";
import { LineTables } from "../../../src/worker/batches/lineTables.ts";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import { keepingWorker } from "../keepingWorker.ts";

export { content, kept, parsed, type Sent } from "../keepingWorker.ts";

export type Batching = Awaited<ReturnType<typeof batchingWorker>>;

/** An isolate of its own, with a secret to keep content with, and its batches. */
export async function batchingWorker(changes: Partial<Bindings> = {}) {
  const keeping = await keepingWorker(changes);
  const { worker, variables, send } = keeping;
  return {
    ...keeping,
    /** Posts a batch of lines: text as it is, anything else as JSON. */
    batch: (key: string, lines: readonly unknown[], headers: Record<string, string> = {}) =>
      send(key, "/v1/batches", {
        method: "POST",
        headers: { "content-type": "application/jsonl", ...headers },
        body: lines
          .map((line) => (typeof line === "string" ? line : JSON.stringify(line)))
          .join("\n"),
      }),
    deliverAll,
    /** Delivers lines of a batch's first chunk; numbers of those acknowledged, and pauses of those that come again. */
    deliver: async (
      to: { tenant: string; batch: string },
      lines: readonly number[],
      dead = false,
      attempts = 1,
    ) => {
      const bodies = lines.map(
        (line) => ({ ...to, chunk: 0, first: 0, line }) satisfies LineMessage,
      );
      const { done, again } = await deliverAll(bodies, dead, attempts);
      return {
        done: done.map((at) => lines[at]),
        again: again.map(([at, pause]) => [lines[at], pause] as const),
      };
    },
  };

  /** Delivers messages, whatever they hold; their places instead of lines. */
  async function deliverAll(bodies: readonly unknown[], dead = false, attempts = 1) {
    const messages = bodies.map((body, at) => ({
      id: `m${at}`,
      timestamp: new Date(),
      attempts,
      body,
    }));
    const queue = dead ? "medadapter-batches-dead" : "medadapter-batches";
    const batch = createMessageBatch(queue, messages);
    const pauses = new Map<string, number | undefined>();
    for (const message of batch.messages) {
      const retry = message.retry.bind(message);
      message.retry = (how) => {
        pauses.set(message.id, how?.delaySeconds);
        retry(how);
      };
    }
    const context = createExecutionContext();
    await worker.queue(batch, variables, context);
    const result = await getQueueResult(batch, context);
    const placeOf = (id: string) => Number(id.slice(1));
    return {
      done: result.explicitAcks.map(placeOf),
      again: result.retryMessages.map(({ msgId }) => [placeOf(msgId), pauses.get(msgId)] as const),
    };
  }
}

/**
 * Waits until a tenant's batches have sent all of their lines, or as many as it may have in the queue. An alarm that comes after its test file has ended finds
 * no code any more, and the next file waits for it for ever.
 */
export async function allSent(tenant: string): Promise<void> {
  const { BATCHES } = env as unknown as { readonly BATCHES: BatchNamespace };
  const unsent = () =>
    runInDurableObject(BATCHES.get(BATCHES.idFromName(tenant)), (_, { storage }) => {
      return new LineTables(storage.sql).toSend().length;
    });
  await expect.poll(unsent, { timeout: 20_000 }).toBe(0);
}
