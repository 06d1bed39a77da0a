/** The Worker's ways in: requests, queues, the clock. All share an isolate's parts. */
import { createApp } from "./app.ts";
import type { Bindings } from "./config/parts.ts";
import { type MakeParts, partsOnce } from "./configuration.ts";
import { features } from "./features.ts";

export interface Worker {
  fetch(request: Request, env: Bindings, context: ExecutionContext): Response | Promise<Response>;
  queue(batch: MessageBatch<unknown>, env: Bindings, context: ExecutionContext): Promise<void>;
  scheduled(event: ScheduledController, env: Bindings, context: ExecutionContext): Promise<void>;
}

/** The handlers that a Worker's entry exports. */
export function createWorker(makeParts: MakeParts): Worker {
  const partsOf = partsOnce(makeParts);
  const app = createApp(partsOf);
  return {
    fetch: (request, env, context) => app.fetch(request, env, context),
    queue: async (batch, env, context) => {
      const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
      await Promise.all(features.map(({ queue }) => queue?.(batch, partsOf(env), waitUntil)));
    },
    scheduled: async (event, env) => {
      await Promise.all(features.map(({ scheduled }) => scheduled?.(env, event.scheduledTime)));
    },
  };
}
