/** One isolate's channels over a store whose reads of pointers are told how long they take. For sharedChecks.test.ts. */
import type { BundleStore } from "../../../../src/adapter/bundle.ts";
import { AdapterHost } from "../../../../src/worker/adapters/host.ts";
import { CanaryAndShadow } from "../../../../src/worker/adapters/trial/canaryAndShadow.ts";
import type { Guard } from "../../../../src/worker/adapters/trial/guard.ts";
import type { FinishedAnswer } from "../../../../src/worker/adapters/trialChannels.ts";
import { memoryBundleStore } from "../../../adapter/memoryBundleStore.ts";
import { fakeShelf } from "../fakeRankers.ts";

/** How long a check takes in the Worker. */
export const CHECK_MS = 400;

const pointer = { schema: 1, adapter: "mini", version: "1.0.0", serial: 1, share: 1 };
const text = JSON.stringify({ ...pointer, updatedAt: "2026-11-23T00:00:00Z" });
const pointers = memoryBundleStore(
  new Map([["channels/mini/stable.json", new TextEncoder().encode(text)]]),
);
const outcome: FinishedAnswer = {
  ask: {
    question: { question: "Is it?", options: [], context: null },
    task: { id: "yesno" },
  },
  writer: "any",
  deciding: [],
  candidates: [],
  selection: { ranking: [], confidence: null },
  strategy: "weighted_vote",
  degraded: null,
};

/** @param wait every read of a pointer waits for it */
export function isolate(wait: () => Promise<void>) {
  let checks = 0;
  const { shelf, store: bundles } = fakeShelf(80_000_000, ["1.0.0"]);
  const store: BundleStore = {
    ...bundles,
    pointer: async (...parts) => {
      checks += 1;
      await wait();
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
  return {
    stable,
    trial,
    checks: () => checks,
    /** Tells of an answer that stable has scored. @returns what its request gave to `waitUntil` */
    answered: (): Promise<unknown>[] => {
      const work: Promise<unknown>[] = [];
      const ended = { requestId: "r", servedBy: "stable", version: "1.0.0" } as const;
      trial.answered(ended, outcome, (one) => work.push(one));
      return work;
    },
  };
}
