/** One isolate's channels over a slow store, in real workerd, for sharedChecks.test.ts. */
import type { BundleStore } from "../../../../src/adapter/bundle.ts";
import { pause } from "../../../../src/net/sharedWork.ts";
import { AdapterHost } from "../../../../src/worker/adapters/host.ts";
import { CanaryAndShadow } from "../../../../src/worker/adapters/trial/canaryAndShadow.ts";
import type { Guard } from "../../../../src/worker/adapters/trial/guard.ts";
import type { FinishedAnswer } from "../../../../src/worker/adapters/trialChannels.ts";
import { memoryBundleStore } from "../../../adapter/memoryBundleStore.ts";
import { fakeShelf } from "../fakeRankers.ts";

/** How long the store takes to read a pointer. */
const CHECK_MS = 400;

const pointer = { schema: 1, adapter: "mini", version: "1.0.0", serial: 1, share: 1 };
const text = JSON.stringify({ ...pointer, updatedAt: "2026-11-23T00:00:00Z" });
const pointers = memoryBundleStore(
  new Map([["channels/mini/stable.json", new TextEncoder().encode(text)]]),
);
const { shelf, store: bundles } = fakeShelf(80_000_000, ["1.0.0"]);
const store: BundleStore = {
  ...bundles,
  pointer: async (...parts) => {
    await pause(CHECK_MS);
    return pointers.pointer(...parts);
  },
};

const guard: Guard = {
  report: async () => null,
  verdict: async () => null,
  overview: async () => ({ stop: null, counts: [] }),
};
const shared = { store, shelf, adapter: "mini", intervalMs: 0, signedBy: null };
const stable = new AdapterHost({ ...shared, onChange: () => {} });
const trial = new CanaryAndShadow({ ...shared, stable, observe: () => {} }, guard);

const outcome: FinishedAnswer = {
  ask: {
    question: { question: "Is it?", options: [], context: null },
    task: { id: "yesno" },
    model: "any",
  },
  candidates: [],
  selection: { ranking: [], abstained: null },
  strategy: "weighted_vote",
  degraded: null,
};

/**
 * `GET /probe`: checks all pointers, and waits for that. `/source`: takes a ranker as a question does. `/answered`: tells
 * of an answer, whose response is out. `/collect`: collects garbage. All but the last answer with the version that serves.
 */
export default {
  async fetch(request: Request, _: unknown, context: ExecutionContext): Promise<Response> {
    const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
    const { pathname } = new URL(request.url);
    if (pathname === "/collect") {
      (Reflect.get(globalThis, "gc") as () => void)();
      return new Response("collected");
    }
    if (pathname === "/probe") {
      await Promise.all([stable.begin(waitUntil)(), trial.refresh(waitUntil)]);
    }
    if (pathname === "/source") {
      await trial.source({ tenant: "t", requestId: "r" }).refresh(waitUntil);
    }
    if (pathname === "/answered") {
      trial.answered({ requestId: "r", servedBy: "stable", version: "1.0.0" }, outcome, waitUntil);
    }
    return new Response(stable.current()?.ranker.manifest.version ?? "none");
  },
};
