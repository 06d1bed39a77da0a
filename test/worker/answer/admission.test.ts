/** The pipeline's first event while the adapter is still being loaded: the LLM writes, but nothing is sent yet. */
import { describe, expect, it } from "vitest";
import type { RankedQuestion } from "../../../src/adapter/ranker.ts";
import { fail, ok, type Result } from "../../../src/adapter/result.ts";
import type { Generator } from "../../../src/llm/generator.ts";
import { AdapterHost } from "../../../src/worker/adapters/host.ts";
import { RankerShelf } from "../../../src/worker/adapters/shelf.ts";
import type { RankerSource } from "../../../src/worker/adapters/source.ts";
import { memoryBundleStore } from "../../adapter/memoryBundleStore.ts";
import { type Refusal, rankerThat, running } from "./running.ts";

const pointer = { schema: 1, adapter: "mini", version: "1.0.0", serial: 1, share: 1 };
const objects = new Map([
  [
    "channels/mini/stable.json",
    new TextEncoder().encode(JSON.stringify({ ...pointer, updatedAt: "2026-11-23T00:00:00Z" })),
  ],
]);

const tooLong: Refusal = { kind: "question_too_long", tokens: 9, limit: 8 };
const session: RankedQuestion = {
  prefixTokens: 1,
  remote: false,
  truncated: false,
  ready: Promise.resolve(ok(undefined)),
  score: () => Promise.resolve(fail({ kind: "aborted" })),
  close: () => {},
};

/** A pipeline whose adapter is loaded when `load` is called, and then opens questions as told. */
function cold(opened: Result<RankedQuestion, Refusal>) {
  const loading = Promise.withResolvers<void>();
  const ranker = rankerThat(opened);
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
  return { ...pipeline(adapters), load: () => loading.resolve() };
}

/** A pipeline whose adapter is there, but so long not looked at that a newer one may be: `load` brings that. */
function stale(held: Result<RankedQuestion, Refusal>, newer: Result<RankedQuestion, Refusal>) {
  const refreshed = Promise.withResolvers<void>();
  let ranker = rankerThat(held);
  const adapters: RankerSource = {
    refresh: () => refreshed.promise,
    ready: () => null,
    current: () => ({ ranker, servedBy: "stable" }),
    fault: () => null,
  };
  const load = () => {
    ranker = rankerThat(newer);
    refreshed.resolve();
  };
  return { ...pipeline(adapters), load };
}

/** A pipeline behind a ledger that lets everything through; its LLM writes nothing until it is stopped. */
function pipeline(adapters: RankerSource) {
  const asked: number[] = [];
  let stopped = 0;
  const generate: Generator["generate"] = async function* ({ n, signal }) {
    asked.push(n);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    stopped += 1;
    yield { kind: "failed", index: null, reason: "aborted" };
    yield {
      kind: "usage",
      usage: { promptTokens: 0, completionTokens: 0 },
      requests: 1,
      mode: "n",
      ignored: [],
    };
  };
  const { events, counted } = running({ adapters, generate });
  return { events, asked, counted, stopped: () => stopped };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));

describe("a question that comes while the adapter is being loaded", () => {
  it("is put to the LLM at once, a first wave, and admitted when the adapter has opened it", async () => {
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

  it("is refused before anything is sent where it is too long, the LLM stopped, and no request counted", async () => {
    const { events, asked, counted, stopped, load } = cold(fail(tooLong));
    const first = events.next();
    await turn();
    expect(asked).toEqual([3]);
    load();
    await expect(first).rejects.toMatchObject({ kind: "question_too_long" });
    await turn();
    expect(stopped()).toBe(1);
    expect(counted).toMatchObject([{ requests: 0, candidates: 0 }]);
  });
});

describe("a question that comes when the adapter has not been looked at for long", () => {
  it("is put to the LLM at once where that adapter would take it", async () => {
    const { events, asked, load } = stale(ok(session), ok(session));
    const first = events.next();
    await turn();
    expect(asked).toEqual([3]);
    load();
    expect((await first).value).toEqual({ kind: "admitted" });
    await events.return();
  });

  it("is refused without the LLM being asked where it is too long, and costs nothing", async () => {
    const { events, asked, counted, load } = stale(fail(tooLong), fail(tooLong));
    const first = events.next();
    await turn();
    load();
    await expect(first).rejects.toMatchObject({ kind: "question_too_long" });
    await turn();
    expect(asked).toEqual([]);
    expect(counted).toEqual(["released"]);
  });

  it("is answered where only the adapter that is replaced would have refused it", async () => {
    const { events, asked, load } = stale(fail(tooLong), ok(session));
    const first = events.next();
    await turn();
    expect(asked).toEqual([]);
    load();
    expect((await first).value).toEqual({ kind: "admitted" });
    expect(asked).toHaveLength(1);
    await events.return();
  });
});
