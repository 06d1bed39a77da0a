/** What a request costs, over HTTP: counted once, refused before the LLM is asked, replayed without counting. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deployed, fakeLlm, newKey } from "../access/worker.ts";

const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };
const secret = "a content secret of 32 characters";

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("usage", () => {
  it("is what the LLM was asked and said, for each request that was let through", async () => {
    const llm = fakeLlm();
    const call = await deployed();
    const { key, id } = await newKey();
    await call("/v1/answer", { key, body: ask });
    await call("/v1/answer", { key, body: { ...ask, k: 3 } });
    await call("/v1/answer", { key, body: { question: 7 } });
    const { status, body } = await call("/v1/usage?group_by=key,adapter", { key });
    expect(status).toBe(200);
    expect(body.group_by).toEqual(["key", "adapter"]);
    expect(body.data).toEqual([
      {
        key: id,
        adapter: null,
        requests: 2,
        candidates_scored: 0,
        adapter_tokens: 0,
        prompt_tokens: 22,
        completion_tokens: 15,
        llm_requests: llm.requests,
        // No price is configured.
        cost: { amount: "0.000000", currency: "USD", micros: 0 },
        unpriced_requests: 2,
        estimated_requests: 0,
      },
    ]);
  });

  it("of all keys is for those with the scope, others see their own", async () => {
    fakeLlm();
    const call = await deployed();
    const one = await newKey();
    const two = await newKey({ tenant: one.tenant, scopes: ["usage"] });
    await call("/v1/answer", { key: one.key, body: ask });
    const seen = async (key: string) => (await call("/v1/usage?group_by=key", { key })).body.data;
    expect(await seen(two.key)).toMatchObject([{ key: one.id, requests: 1 }]);
    const third = await newKey({ tenant: one.tenant });
    expect(await seen(third.key)).toEqual([]);
    expect(await seen((await newKey({ scopes: ["usage"] })).key)).toEqual([]);
  });

  it("asked for wrongly is refused", async () => {
    const call = await deployed();
    const { key } = await newKey();
    for (const query of ["from=yesterday", "to=2026-13-01", "group_by=hour"]) {
      expect((await call(`/v1/usage?${query}`, { key })).status).toBe(400);
    }
  });

  it("counts a request whose client left while the LLM wrote, once", async () => {
    const llm = fakeLlm();
    llm.gate = new Promise(() => {});
    const call = await deployed();
    const { key } = await newKey();
    const client = new AbortController();
    const asked = call("/v1/answer", { key, body: ask, signal: client.signal });
    await expect.poll(() => llm.requests).toBe(1);
    client.abort();
    expect((await asked).status).toBe(499);
    const { data } = (await call("/v1/usage", { key })).body;
    expect(data).toMatchObject([{ requests: 1, llm_requests: 1, estimated_requests: 0 }]);
  });

  it("goes on for a client that left with an Idempotency-Key, and has its answer ready", async () => {
    const llm = fakeLlm();
    const gate = Promise.withResolvers<void>();
    llm.gate = gate.promise;
    const call = await deployed({ CONTENT_SECRET: secret });
    const { key } = await newKey();
    const client = new AbortController();
    const sending = { key, body: ask, headers: { "idempotency-key": "k-1" } };
    const first = call("/v1/answer", { ...sending, signal: client.signal });
    await expect.poll(() => llm.requests).toBe(1);
    client.abort();
    gate.resolve();
    await first;
    const again = await call("/v1/answer", sending);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.body.answer).toBe("yes");
    expect(llm.requests).toBe(1);
  });

  it("is not charged where nothing was done", async () => {
    const call = await deployed();
    const { key } = await newKey({ quota: 1 });
    const rerank = { query: "q", documents: ["d"] };
    // No adapter is there: 503, and the place in the quota is given back.
    expect((await call("/v1/rerank", { key, body: rerank })).status).toBe(503);
    expect((await call("/v1/rerank", { key, body: rerank })).status).toBe(503);
    expect((await call("/v1/usage", { key })).body.data).toEqual([]);
  });
});

describe("a ledger that cannot be asked", () => {
  it("lets nothing through: 503, and the LLM is not asked", async () => {
    const llm = fakeLlm();
    // Local workerd knows no jurisdictions, so that every call of the object fails.
    const call = await deployed({ LEDGER_JURISDICTION: "eu" });
    const { key } = await newKey();
    const { status, body, headers } = await call("/v1/answer", { key, body: ask });
    expect(status).toBe(503);
    expect(body.code).toBe("ledger_unavailable");
    expect(headers.get("retry-after")).toBe("2");
    expect(llm.requests).toBe(0);
    expect((await call("/v1/usage", { key })).status).toBe(503);
  });
});

describe("a quota", () => {
  it("is told in OpenAI's headers, and refuses what is over it before the LLM is asked", async () => {
    const llm = fakeLlm();
    const call = await deployed();
    const { key } = await newKey({ quota: 2 });
    const first = await call("/v1/answer", { key, body: ask });
    expect(first.headers.get("x-ratelimit-limit-requests")).toBe("2");
    expect(first.headers.get("x-ratelimit-remaining-requests")).toBe("1");
    expect(first.headers.get("x-ratelimit-reset-requests")).toMatch(/^(\d+h)?(\d+m)?\d+s$/);
    await call("/v1/answer", { key, body: ask });
    const asked = llm.requests;
    const refused = await call("/v1/answer", { key, body: ask });
    expect(refused.status).toBe(429);
    expect(refused.body.error).toMatchObject({
      type: "insufficient_quota",
      code: "insufficient_quota",
    });
    expect(refused.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(llm.requests).toBe(asked);
  });
});

describe("an Idempotency-Key", () => {
  const sending = (key: string, name: string, body: unknown = ask) => ({
    key,
    body,
    headers: { "idempotency-key": name },
  });

  it("gives the same answer again, without asking the LLM or counting", async () => {
    const llm = fakeLlm();
    const call = await deployed({ CONTENT_SECRET: secret });
    const { key } = await newKey({ quota: 1 });
    const first = await call("/v1/answer", sending(key, "k-1"));
    const again = await call("/v1/answer", sending(key, "k-1"));
    expect(first.status).toBe(200);
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
    expect(again.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
    expect(llm.requests).toBe(1);
    expect((await call("/v1/usage", { key })).body.data).toMatchObject([{ requests: 1 }]);
  });

  it("is one key with and without quotation marks", async () => {
    const llm = fakeLlm();
    const call = await deployed({ CONTENT_SECRET: secret });
    const { key } = await newKey();
    const first = await call("/v1/answer", sending(key, "k-1"));
    const again = await call("/v1/answer", sending(key, '"k-1"'));
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect((await call("/v1/answer", sending(key, '"k-1'))).status).toBe(400);
    expect(llm.requests).toBe(1);
  });

  it("gives the same stream again, event by event", async () => {
    const llm = fakeLlm();
    const call = await deployed({ CONTENT_SECRET: secret });
    const { key } = await newKey();
    const messages = [{ role: "user", content: "Is water wet?" }];
    const chat = { model: "replay", messages, stream: true, medadapter: { k: 2 } };
    const first = await call("/v1/chat/completions", sending(key, "k-1", chat));
    const again = await call("/v1/chat/completions", sending(key, "k-1", chat));
    expect(first.text).toMatch(/data: \[DONE\]\n\n$/);
    expect(again.text).toBe(first.text);
    expect(again.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(llm.requests).toBe(1);
    const { data } = (await call("/v1/usage", { key })).body;
    expect(data).toMatchObject([{ requests: 1, llm_requests: 1, completion_tokens: 6 }]);
  });

  it("with another body is refused: 422", async () => {
    const llm = fakeLlm();
    const call = await deployed({ CONTENT_SECRET: secret });
    const { key } = await newKey();
    await call("/v1/answer", sending(key, "k-1"));
    const other = await call("/v1/answer", sending(key, "k-1", { ...ask, k: 3 }));
    expect(other.status).toBe(422);
    expect(other.body.code).toBe("idempotency_key_reused");
    expect(llm.requests).toBe(1);
  });

  it("for another form of the answer is refused too, and each form is given again as it was", async () => {
    const llm = fakeLlm();
    const call = await deployed({ CONTENT_SECRET: secret });
    const { key } = await newKey();
    const asking = (name: string, accept: string) =>
      call("/v1/answer", { key, body: ask, headers: { "idempotency-key": name, accept } });
    const stream = await asking("k-1", "text/event-stream");
    expect(stream.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const plain = await asking("k-1", "application/json");
    expect([plain.status, plain.body.code]).toEqual([422, "idempotency_key_reused"]);
    expect((await asking("k-1", "text/event-stream, */*;q=0.1")).text).toBe(stream.text);
    expect((await asking("k-2", "*/*")).body.object).toBe("answer");
    expect((await asking("k-2", "application/json")).status).toBe(200);
    expect((await asking("k-2", "text/event-stream")).status).toBe(422);
    expect(llm.requests).toBe(2);
  });

  it("whose first request still runs is refused: 409, with Retry-After", async () => {
    const llm = fakeLlm();
    const gate = Promise.withResolvers<void>();
    llm.gate = gate.promise;
    const call = await deployed({ CONTENT_SECRET: secret });
    const { key } = await newKey();
    const first = call("/v1/answer", sending(key, "k-1"));
    await expect.poll(() => llm.requests).toBe(1);
    const second = await call("/v1/answer", sending(key, "k-1"));
    expect(second.status).toBe(409);
    expect(second.headers.get("retry-after")).toBe("2");
    gate.resolve();
    expect((await first).status).toBe(200);
    expect((await call("/v1/answer", sending(key, "k-1"))).status).toBe(200);
    expect(llm.requests).toBe(1);
  });

  it("is each sender's and each route's own", async () => {
    const llm = fakeLlm();
    const call = await deployed({ CONTENT_SECRET: secret });
    const one = await newKey();
    const two = await newKey({ tenant: one.tenant });
    await call("/v1/answer", sending(one.key, "k-1"));
    await call("/v1/answer", sending(two.key, "k-1", { ...ask, k: 1 }));
    const messages = [{ role: "user", content: "Is water wet?" }];
    const chat = { model: "replay", messages, medadapter: { k: 1 } };
    expect((await call("/v1/chat/completions", sending(one.key, "k-1", chat))).status).toBe(200);
    expect(llm.requests).toBe(3);
  });

  it("keeps no failure: a retry runs anew", async () => {
    const call = await deployed({ CONTENT_SECRET: secret });
    const { key } = await newKey();
    const fetching = vi
      .spyOn(globalThis, "fetch")
      .mockResolvedValue(new Response(null, { status: 401 }));
    expect((await call("/v1/answer", sending(key, "k-1"))).status).toBe(502);
    fetching.mockRestore();
    fakeLlm();
    expect((await call("/v1/answer", sending(key, "k-1"))).status).toBe(200);
  });

  it("is refused where answers cannot be kept, and where it is no key", async () => {
    const llm = fakeLlm();
    const { key } = await newKey();
    const without = await (await deployed())("/v1/answer", sending(key, "k-1"));
    expect(without.body.code).toBe("idempotency_unavailable");
    const call = await deployed({ CONTENT_SECRET: secret });
    expect((await call("/v1/answer", sending(key, "a b"))).status).toBe(400);
    expect((await call("/v1/answer", sending(key, "x".repeat(300)))).status).toBe(400);
    expect(llm.requests).toBe(0);
  });
});
