/** The channels of sharedChecksIsolate.ts in real workerd, for sharedChecks.test.ts. */
import { pause } from "../../../../src/net/sharedWork.ts";
import { CHECK_MS, isolate } from "./sharedChecksIsolate.ts";

const { stable, trial } = isolate(() => pause(CHECK_MS));

/**
 * `GET /probe`: checks all pointers, and waits for that. `/source`: takes a ranker as a question does. Both answer with
 * the version that serves.
 */
export default {
  async fetch(request: Request, _: unknown, context: ExecutionContext): Promise<Response> {
    const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
    if (new URL(request.url).pathname === "/probe") {
      await Promise.all([stable.begin(waitUntil)(), trial.refresh(waitUntil)]);
    } else {
      await trial.source({ tenant: "t", requestId: "r" }).refresh(waitUntil);
    }
    return new Response(stable.current()?.ranker.manifest.version ?? "none");
  },
};
