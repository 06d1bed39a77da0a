/** A Worker that keeps content, as if deployed: its requests, and deliveries of the queue made by hand. */
import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { BatchNamespace, LineMessage } from "../../../src/worker/batches/batch.ts";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import type main from "../main.ts";

export const content = (env as unknown as { readonly CONTENT: R2Bucket }).CONTENT;
const secret = "a content secret of 32 characters";

export interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes, looked at member by member
  readonly body: any;
}

export type Deployed = Awaited<ReturnType<typeof keepingWorker>>;

/** An isolate of its own, with a secret to keep content with. */
export async function keepingWorker(variables: Partial<Bindings> = {}) {
  vi.resetModules();
  const worker = (await import("../main.ts")).default as typeof main;
  const all = { ...(env as unknown as Bindings), CONTENT_SECRET: secret, ...variables };
  /** A request that nobody waits for: its response, and when its work has ended. */
  const open = (key: string, path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${key}`);
    const context = createExecutionContext();
    const request = new Request(`https://api.example${path}`, { ...init, headers });
    return { response: Promise.resolve(worker.fetch(request, all, context)), context };
  };
  const send = async (key: string, path: string, init: RequestInit = {}): Promise<Sent> => {
    const { response: coming, context } = open(key, path, init);
    const response = await coming;
    // The runtime warns of `text()` where the content type is not one that it knows.
    const text = new TextDecoder().decode(await response.arrayBuffer());
    await waitOnExecutionContext(context);
    const json = response.headers.get("content-type")?.endsWith("json") ?? false;
    const whole = json && !response.headers.get("content-type")?.includes("nd");
    const { status } = response;
    return { status, headers: response.headers, text, body: whole ? JSON.parse(text) : null };
  };
  return {
    open,
    send,
    /** Posts a batch of lines: text as it is, anything else as JSON. */
    batch: (key: string, lines: readonly unknown[], headers: Record<string, string> = {}) =>
      send(key, "/v1/batches", {
        method: "POST",
        headers: { "content-type": "application/jsonl", ...headers },
        body: lines
          .map((line) => (typeof line === "string" ? line : JSON.stringify(line)))
          .join("\n"),
      }),
    post: (key: string, path: string, body: unknown) =>
      send(key, path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
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
    tick: async () => {
      const context = createExecutionContext();
      const event = { scheduledTime: Date.now(), cron: "*", noRetry: () => {} };
      await worker.scheduled(event as ScheduledController, all, context);
      await waitOnExecutionContext(context);
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
    await worker.queue(batch, all, context);
    const result = await getQueueResult(batch, context);
    const placeOf = (id: string) => Number(id.slice(1));
    return {
      done: result.explicitAcks.map(placeOf),
      again: result.retryMessages.map(({ msgId }) => [placeOf(msgId), pauses.get(msgId)] as const),
    };
  }
}

/**
 * Waits until a tenant's batches have sent all of their lines. An alarm that comes after its test file has ended finds
 * no code any more, and the next file waits for it for ever.
 */
export async function allSent(tenant: string): Promise<void> {
  const { BATCHES } = env as unknown as { readonly BATCHES: BatchNamespace };
  const unsent = () =>
    runInDurableObject(BATCHES.get(BATCHES.idFromName(tenant)), (_, { storage }) => {
      const count = "SELECT COUNT(*) AS n FROM batch WHERE status = 'in_progress' AND sent < total";
      return storage.sql.exec<{ n: number }>(count).one().n;
    });
  await expect.poll(unsent, { timeout: 20_000 }).toBe(0);
}

/** Names of what the bucket holds under a prefix. */
export async function kept(prefix: string): Promise<string[]> {
  return (await content.list({ prefix })).objects.map(({ key }) => key);
}

/** JSON lines, parsed. */
export function parsed(text: string) {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
