/** An adapter that takes longer to load than its LLM to write, or is retired at the very moment: waited for, but not for ever. */

import { afterEach, expect, it, vi } from "vitest";
import type { RankedQuestion, Ranker } from "../../../src/adapter/ranker.ts";
import { type Logit, probabilityOf, type Score } from "../../../src/adapter/ranker.ts";
import { fail, ok } from "../../../src/adapter/result.ts";
import { AdapterHost } from "../../../src/worker/adapters/host.ts";
import { RankerShelf } from "../../../src/worker/adapters/shelf.ts";
import type { RankerSource } from "../../../src/worker/adapters/source.ts";
import { Scoring } from "../../../src/worker/answer/scoring.ts";
import { noSpans } from "../../../src/worker/http/metrics.ts";
import { memoryBundleStore } from "../../adapter/memoryBundleStore.ts";
import { sampleManifest } from "../../adapter/sampleManifest.ts";

const pointer = { schema: 1, adapter: "mini", version: "1.0.0", serial: 1, share: 1 };
const objects = new Map([
  [
    "channels/mini/stable.json",
    new TextEncoder().encode(JSON.stringify({ ...pointer, updatedAt: "2026-11-23T00:00:00Z" })),
  ],
]);
const score: Score = {
  logit: 1 as Logit,
  probability: probabilityOf(1, null),
  truncated: false,
  tokens: 2,
};

const session: RankedQuestion = {
  prefixTokens: 1,
  remote: false,
  truncated: false,
  ready: Promise.resolve(ok(undefined)),
  score: () => Promise.resolve(ok(score)),
  close: () => {},
};
const ranker: Ranker = {
  manifest: sampleManifest,
  open: () => ok(session),
  load: () => ({ held: 0, waiting: 0, heapBytes: 0 }),
  refusal: () => null,
  fault: () => null,
  retire: () => Promise.resolve(),
};

/** A host whose store gives nothing until `arrives`. */
function slow() {
  const arriving = Promise.withResolvers<void>();
  const store = memoryBundleStore(objects);
  const load = async () => {
    await arriving.promise;
    return ok(ranker);
  };
  const adapters = new AdapterHost({
    store,
    shelf: new RankerShelf({ store, adapter: "mini", load, heapBytes: 80_000_000 }),
    adapter: "mini",
    intervalMs: 0,
    signedBy: null,
    onChange: () => {},
  });
  return { adapters, arrives: () => arriving.resolve() };
}

const scoringOf = (adapters: RankerSource) =>
  new Scoring(
    adapters,
    { question: { question: "Is it?", options: [], context: null }, questionField: "question" },
    {
      tenant: "local",
      signal: new AbortController().signal,
      waitUntil: () => {},
      startSpan: noSpans,
    },
  );

/** It goes by vote: no adapter had the question in time. */
const loading = { kind: "degraded", reason: "loading", opened: null };

afterEach(() => {
  vi.useRealTimers();
});

it("goes by vote after 20 seconds, and says that the adapter was being loaded", async () => {
  vi.useFakeTimers();
  const { adapters, arrives } = slow();
  const scoring = scoringOf(adapters);
  let first: Score | null | "waiting" = "waiting";
  void scoring.score(null, "one").then((scored) => {
    first = scored;
  });
  await vi.advanceTimersByTimeAsync(19_900);
  expect([first, scoring.state.kind]).toEqual(["waiting", "waiting"]);
  await vi.advanceTimersByTimeAsync(200);
  expect([first, scoring.state]).toEqual([null, loading]);
  // The next candidate does not wait again.
  expect(await scoring.score(null, "two")).toBeNull();
  arrives();
  await vi.advanceTimersByTimeAsync(0);
  // One that began without scores ends without.
  expect(await scoring.score(null, "three")).toBeNull();
  const next = scoringOf(adapters);
  expect(await next.score(null, "one")).toEqual(score);
  expect(next.state.kind).toBe("open");
});

it("has scores where the adapter comes while the first candidate waits for it", async () => {
  const { adapters, arrives } = slow();
  const scoring = scoringOf(adapters);
  const first = scoring.score(null, "one");
  arrives();
  expect(await first).toEqual(score);
  expect(scoring.state.kind).toBe("open");
});

it("takes the next version where the one that it found was retired before it could ask", async () => {
  const retired: Ranker = { ...ranker, open: () => fail({ kind: "retired" }) };
  let found: Ranker | null = retired;
  const source: RankerSource = {
    refresh: async () => {
      found = ranker;
    },
    ready: () => ({ ranker: retired, servedBy: "stable" }),
    current: () => found && { ranker: found, servedBy: "stable" },
    fault: () => null,
  };
  const scoring = scoringOf(source);
  expect(await scoring.score(null, "one")).toEqual(score);
  expect(scoring.state.kind).toBe("open");
  found = retired;
  const gone = scoringOf({ ...source, refresh: async () => {} });
  expect(await gone.score(null, "one")).toBeNull();
  expect(gone.state).toEqual(loading);
});
