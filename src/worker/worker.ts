/** The Worker's ways in: requests, the queue of batches' lines, the clock. All share an isolate's parts. */
import { createApp } from "./app.ts";
import { consume } from "./batches/consume.ts";
import type { Bindings } from "./config/env.ts";
import { type MakeParts, partsOnce } from "./config/parts.ts";
import { sweepFeedback } from "./feedback/store.ts";

export interface Worker {
  fetch(request: Request, env: Bindings, context: ExecutionContext): Response | Promise<Response>;
  queue(batch: MessageBatch<unknown>, env: Bindings, context: ExecutionContext): Promise<void>;
  scheduled(event: ScheduledController, env: Bindings, context: ExecutionContext): Promise<void>;
}

export function createWorker(makeParts: MakeParts): Worker {
  const partsOf = partsOnce(makeParts);
  const app = createApp(partsOf);
  return {
    fetch: (request, env, context) => app.fetch(request, env, context),
    queue: (batch, env, context) => consume(batch, partsOf(env), (work) => context.waitUntil(work)),
    scheduled: async (event, env) => {
      if (env.CONTENT !== undefined) await sweepFeedback(env.CONTENT, event.scheduledTime);
    },
  };
}
