/** Messages that are none, lines that kill whoever takes them, dead letters that come first: every batch ends all the same. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type BatchNamespace, durableBatches } from "../../../src/worker/batches/batch.ts";
import { MAX_ATTEMPTS } from "../../../src/worker/batches/lineTables.ts";
import { fakeLlm, newKey } from "../access/worker.ts";
import { type Batching, batchingWorker, parsed } from "./worker.ts";

const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };
const { BATCHES } = env as unknown as { readonly BATCHES: BatchNamespace };

let worker: Batching;

beforeEach(async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  worker = await batchingWorker();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A batch of so many good lines. */
async function begun(count: number) {
  const owner = await newKey({ scopes: ["batch", "usage"] });
  const lines = Array.from({ length: count }, () => ask);
  const { body } = await worker.batch(owner.key, lines);
  const to = { tenant: owner.tenant, batch: body.id as string };
  const at = (path: string) => worker.send(owner.key, path);
  return {
    to,
    state: async () => (await at(`/v1/batches/${to.batch}`)).body,
    errors: async () =>
      parsed((await at(`/v1/batches/${to.batch}/errors`)).text).map(({ line, error }) => [
        line,
        error.code,
      ]),
    requests: async () => (await at("/v1/usage")).body.data[0]?.requests ?? 0,
  };
}

describe("a poison message", () => {
  it("is taken off the queue and changes nothing; what was delivered with it is answered", async () => {
    const llm = fakeLlm();
    const { to, state, requests } = await begun(2);
    const place = { ...to, chunk: 0, first: 0 };
    const poison = [
      null,
      "text",
      [],
      {},
      { ...place, line: "0" },
      { ...place, line: -1 },
      { ...place, line: 0.5 },
      { ...place, line: 99 },
      { ...place, batch: "batch_0", line: 0 },
    ];
    const bodies = [...poison, { ...place, line: 1 }, { ...place, line: 0 }];
    const { done, again } = await worker.deliverAll(bodies);
    expect(again).toEqual([]);
    expect(done.toSorted((a, b) => a - b)).toEqual(bodies.map((_, at) => at));
    expect(await state()).toMatchObject({
      status: "completed",
      request_counts: { total: 2, completed: 2, failed: 0 },
    });
    expect(llm.requests).toBe(2);
    expect(await requests()).toBe(2);
  });

  it("that kills whoever takes it is given up after some tries, with an error of its line", async () => {
    const llm = fakeLlm();
    const { to, state, errors, requests } = await begun(2);
    const book = durableBatches(BATCHES, to.tenant, null);
    for (let died = 0; died < MAX_ATTEMPTS; died += 1) {
      expect((await book.claim(to.batch, 0, 1)).kind).toBe("yours");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await worker.deliver(to, [0, 1])).toEqual({ done: [0, 1], again: [] });
    expect((await state()).request_counts).toEqual({ total: 2, completed: 1, failed: 1 });
    expect(await errors()).toEqual([[1, "batch_lost"]]);
    expect(llm.requests).toBe(1);
    expect(await requests()).toBe(1);
  });
});

describe("a dead letter", () => {
  it("that comes before its line ends it: the line that follows asks nothing", async () => {
    const llm = fakeLlm();
    const { to, state, errors } = await begun(2);
    expect((await worker.deliver(to, [1], true)).done).toEqual([1]);
    expect((await worker.deliver(to, [1, 0])).done.toSorted()).toEqual([0, 1]);
    expect((await worker.deliver(to, [0], true)).done).toEqual([0]);
    expect(await state()).toMatchObject({
      status: "completed",
      request_counts: { total: 2, completed: 1, failed: 1 },
    });
    expect(await errors()).toEqual([[2, "batch_lost"]]);
    expect(llm.requests).toBe(1);
  });
});
