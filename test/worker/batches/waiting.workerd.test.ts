/** Lines that wait: where there is no room, or a store is down, for longer than any number of attempts. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { KeyWish } from "../../../src/worker/access/keys.ts";
import { isBackpressure } from "../../../src/worker/batches/line.ts";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import { Problem } from "../../../src/worker/http/problems.ts";
import { fakeLlm, newKey } from "../access/worker.ts";
import { configured, fakeLlms } from "../plans/llms.ts";
import { type Batching, batchingWorker, parsed } from "./worker.ts";

const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };
const bindings = env as unknown as Bindings;

let logged: { readonly event: string; readonly store?: string }[] = [];

beforeEach(() => {
  logged = [];
  vi.spyOn(console, "log").mockImplementation((line) => void logged.push(JSON.parse(String(line))));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A batch of one line, and how often it is delivered: its pauses, until it is done. */
async function begun(worker: Batching, line: object = ask, wish: Partial<KeyWish> = {}) {
  const owner = await newKey({ scopes: ["batch", "usage"], quota: 1, ...wish });
  const { body } = await worker.batch(owner.key, [line]);
  const to = { tenant: owner.tenant, batch: body.id as string };
  const read = async (file: string) =>
    parsed((await worker.send(owner.key, `/v1/batches/${to.batch}/${file}`)).text);
  const deliver = async (by: Batching, attempts: number) =>
    (await by.deliver(to, [0], false, attempts)).again[0]?.[1] ?? "done";
  const usage = async () => (await worker.send(owner.key, "/v1/usage")).body.data;
  return { deliver, read, usage, key: owner.key };
}

/** What a cap of nothing says of a request. */
async function worstOf(worker: Batching): Promise<{ request: string }> {
  const { key } = await newKey({ spend_day: "0" });
  const refused = await worker.send(key, "/v1/answer", {
    ...{ method: "POST", body: JSON.stringify(ask) },
    headers: { "content-type": "application/json" },
  });
  return refused.body.spending;
}

/** A binding that throws while it is down, whatever it is asked for. */
function breakable<Binding extends object>(binding: Binding) {
  const state = { isDown: false };
  const proxy = new Proxy(binding, {
    get(target, name) {
      const member = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return async (...given: unknown[]) => {
        if (state.isDown) throw new Error("internal error (10001)");
        return Reflect.apply(member, target, given);
      };
    },
  });
  return { state, proxy };
}

describe("a line", () => {
  it("whose LLM is rate limited waits for it with growing pauses: no attempt, no request of its quota", async () => {
    const worker = await batchingWorker();
    const { deliver, read, usage } = await begun(worker);
    const headers = { "retry-after": "60" };
    const llm = vi
      .spyOn(globalThis, "fetch")
      .mockImplementation(async () => new Response("slow down", { status: 429, headers }));
    const pauses: unknown[] = [];
    for (let attempts = 1; attempts <= 9; attempts += 1) {
      pauses.push(await deliver(worker, attempts));
    }
    expect(pauses).toEqual([60, 60, 60, 60, 80, 160, 300, 300, 300]);
    expect(await usage()).toMatchObject([{ requests: 0, llm_requests: 9 }]);
    llm.mockRestore();
    fakeLlm();
    expect(await deliver(worker, 10)).toBe("done");
    expect(await read("results")).toMatchObject([{ response: { body: { answer: "yes" } } }]);
    expect(await usage()).toMatchObject([{ requests: 1, llm_requests: 10, estimated_requests: 0 }]);
    expect(isBackpressure(new Problem("overloaded"))).toBe(true); // goes the same way
  });

  it.each(["content", "keys"] as const)(
    "whose %s cannot be read waits until they can, and that is no bug",
    async (store) => {
      fakeLlm();
      const content = breakable(bindings.CONTENT as object);
      const keys = breakable(bindings.KEYS as object);
      const state = store === "content" ? content.state : keys.state;
      const variables = { CONTENT: content.proxy, KEYS: keys.proxy } as Partial<Bindings>;
      const { deliver, read, usage } = await begun(await batchingWorker(variables));
      const worker = await batchingWorker(variables); // remembers no key; its first call finds the object started anew
      state.isDown = true;
      const pauses: unknown[] = [];
      for (let attempts = 1; attempts <= 8; attempts += 1) {
        pauses.push(await deliver(worker, attempts));
      }
      expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
      expect(logged.filter(({ event }) => event === "store").at(-1)).toMatchObject({ store });
      expect(logged.filter(({ event }) => event === "bug")).toEqual([]);
      state.isDown = false;
      expect(await deliver(worker, 9)).toBe("done");
      expect(await read("results")).toHaveLength(1);
      expect(await usage()).toMatchObject([{ requests: 1, estimated_requests: 0 }]);
    },
  );

  it("whose key's cap is held by requests that run now waits for them, and ends where it is spent", async () => {
    const gate = Promise.withResolvers<void>();
    fakeLlms({ cheap: { says: ["yes"], gate: gate.promise } });
    const price = { in: 1, out: 1 };
    const worker = await batchingWorker(
      configured({ cheap: { price, max_tokens: 10 } }, [], {}) as Partial<Bindings>,
    );
    const refused = await worstOf(worker);
    const { deliver, read, usage, key } = await begun(worker, ask, {
      ...{ quota: null, spend_day: refused.request, scopes: ["answer", "batch", "usage"] },
    });
    const running = worker.send(key, "/v1/answer", {
      ...{ method: "POST", body: JSON.stringify(ask) },
      headers: { "content-type": "application/json" },
    });
    await expect
      .poll(async () => (await worker.send(key, "/v1/usage")).body.spending[0].held.micros)
      .toBeGreaterThan(0);
    expect([await deliver(worker, 1), await deliver(worker, 2)]).toEqual([5, 10]);
    gate.resolve();
    expect((await running).status).toBe(200);
    // What the request did not cost is not enough for another one's worst.
    expect(await deliver(worker, 3)).toBe("done");
    expect(await read("errors")).toMatchObject([{ error: { code: "spending_cap_reached" } }]);
    expect(await usage()).toMatchObject([{ requests: 1 }]);
  });

  it("that pins a version while R2 is down is tried again", async () => {
    fakeLlm();
    const { state, proxy } = breakable(bindings.ADAPTERS as object);
    const worker = await batchingWorker({ ADAPTERS: proxy } as Partial<Bindings>);
    const { deliver, read } = await begun(worker, { ...ask, adapter: "mini@9.9.9" });
    state.isDown = true;
    expect(await deliver(worker, 1)).toBe(5);
    state.isDown = false;
    expect(await deliver(worker, 2)).toBe("done");
    expect(await read("errors")).toMatchObject([{ error: { code: "unknown_adapter" } }]);
  });
});
