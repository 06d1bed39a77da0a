/** The pipeline's first event while the adapter is still being loaded: the LLM writes, but nothing is sent yet. */
import { describe, expect, it } from "vitest";
import { memoryBundleStore } from "../../../src/adapter/memoryBundleStore.ts";
import type { RankedQuestion, Ranker } from "../../../src/adapter/ranker.ts";
import { fail, ok, type Result } from "../../../src/adapter/result.ts";
import type { Generator } from "../../../src/llm/generator.ts";
import { taskById } from "../../../src/tasks/registry.ts";
import { Meter } from "../../../src/worker/ledger/meter.ts";
import { noSpans } from "../../../src/worker/observe/spans.ts";
import { answer } from "../../../src/worker/pipeline/answer.ts";
import type { Ask } from "../../../src/worker/pipeline/ask.ts";
import { AdapterHost } from "../../../src/worker/rollout/adapterHost.ts";
import { RankerShelf } from "../../../src/worker/rollout/rankerShelf.ts";
import { sampleManifest } from "../../adapter/sampleManifest.ts";

const pointer = { schema: 1, adapter: "mini", version: "1.0.0", serial: 1, share: 1 };
const objects = new Map([
  [
    "channels/mini/stable.json",
    new TextEncoder().encode(JSON.stringify({ ...pointer, updatedAt: "2026-11-23T00:00:00Z" })),
  ],
]);

const task = taskById("yesno");
if (task === null) throw new Error("no such task");
const options = ["yes", "no"].map((label) => ({ label, text: label }));
const ask: Ask = {
  task,
  question: { question: "Is it?", options, context: null },
  questionField: "question",
  messages: [{ role: "user", content: "Is it?" }],
  model: "any",
  k: 8,
  adaptive: { least: 1 },
  strategy: null,
  abstain: null,
  store: false,
  adapter: "mini",
  pin: null,
  sampling: { maxTokens: 8 },
};

/** A pipeline whose adapter is loaded when `load` is called, and then opens questions as told. */
function cold(opened: Result<RankedQuestion, { kind: "question_too_long"; tokens: 9; limit: 8 }>) {
  const loading = Promise.withResolvers<void>();
  const ranker: Ranker = {
    manifest: sampleManifest,
    open: () => opened,
    load: () => ({ held: 0, waiting: 0, heapBytes: 0 }),
    fault: () => null,
    retire: () => Promise.resolve(),
  };
  const store = memoryBundleStore(objects);
  const shelf = new RankerShelf({
    store,
    adapter: "mini",
    heapBytes: 80_000_000,
    load: async () => {
      await loading.promise;
      return ok(ranker);
    },
  });
  const adapters = new AdapterHost({
    store,
    shelf,
    adapter: "mini",
    intervalMs: 0,
    signedBy: null,
    onChange: () => {},
  });
  const asked: number[] = [];
  let stopped = 0;
  const generator: Generator = {
    model: "any",
    generate: async function* ({ n, signal }) {
      asked.push(n);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      stopped += 1;
      yield { kind: "failed", index: null, reason: "aborted" };
    },
  };
  const waitUntil = () => {};
  const ledger = null as never; // the request is let through below
  const caller = null as never;
  const meter = new Meter({
    ledger,
    caller,
    requestId: "req_1" as never,
    holdMs: 1,
    idempotency: null,
    waitUntil,
  });
  const events = answer(ask, {
    generator,
    adapters,
    tenant: "local",
    deadlineMs: 60_000,
    signal: new AbortController().signal,
    waitUntil,
    meter,
    startSpan: noSpans,
    admitted: Promise.resolve(),
  });
  return { events, asked, stopped: () => stopped, load: () => loading.resolve() };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));

describe("a question that comes while the adapter is being loaded", () => {
  it("is put to the LLM at once, a first wave, and admitted when the adapter has opened it", async () => {
    const session: RankedQuestion = {
      prefixTokens: 1,
      remote: false,
      truncated: false,
      ready: Promise.resolve(ok(undefined)),
      score: () => Promise.resolve(fail({ kind: "aborted" })),
      close: () => {},
    };
    const { events, asked, stopped, load } = cold(ok(session));
    let first: unknown = null;
    const reading = events.next().then(({ value }) => {
      first = value;
    });
    await turn();
    expect(asked).toEqual([3]);
    expect(first).toBeNull();
    load();
    await reading;
    expect(first).toEqual({ kind: "admitted" });
    await events.return();
    await turn();
    expect(stopped()).toBe(1);
  });

  it("is refused before anything is sent where it is too long, and the LLM stopped", async () => {
    const { events, asked, stopped, load } = cold(
      fail({ kind: "question_too_long", tokens: 9, limit: 8 }),
    );
    const first = events.next();
    await turn();
    expect(asked).toEqual([3]);
    load();
    await expect(first).rejects.toMatchObject({ kind: "question_too_long" });
    await turn();
    expect(stopped()).toBe(1);
  });
});
