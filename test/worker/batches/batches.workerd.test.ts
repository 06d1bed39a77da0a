/** Batches over HTTP and their lines from the queue: each answered and counted once, whatever happens. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { kvKeyStore, revokeKey } from "../../../src/worker/access/keyStore.ts";
import type { BatchNamespace } from "../../../src/worker/batches/batch.ts";
import { LineTables } from "../../../src/worker/batches/lineTables.ts";
import { fakeLlm, newKey } from "../access/worker.ts";
import { type Batching, batchingWorker, content, kept, parsed } from "./worker.ts";

const options = { yes: "yes", no: "no" };
const ask = { question: "Is water wet?", options, k: 2 };
const key = (changes: Parameters<typeof newKey>[0] = {}) =>
  newKey({ scopes: ["batch"], ...changes });

const { BATCHES, KEYS } = env as unknown as {
  readonly BATCHES: BatchNamespace;
  readonly KEYS: KVNamespace;
};

let worker: Batching;

beforeEach(async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  worker = await batchingWorker();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A batch that is taken in, and who it belongs to. */
async function begun(lines: readonly unknown[], changes: Parameters<typeof newKey>[0] = {}) {
  const owner = await key(changes);
  const { status, body } = await worker.batch(owner.key, lines);
  expect(status).toBe(200);
  const to = { tenant: owner.tenant, batch: body.id as string };
  const read = async (file: string) =>
    parsed((await worker.send(owner.key, `/v1/batches/${to.batch}/${file}`)).text);
  const state = async () => (await worker.send(owner.key, `/v1/batches/${to.batch}`)).body;
  return { ...owner, to, body, read, state };
}

describe("a batch", () => {
  it("is taken in, and its lines are answered as /v1/answer answers them", async () => {
    fakeLlm();
    const wrapped = { custom_id: "q-7", method: "POST", url: "/v1/answer", body: ask };
    const { to, body, read, state } = await begun([ask, "", wrapped]);
    expect(body).toMatchObject({
      object: "batch",
      status: "in_progress",
      endpoint: "/v1/answer",
      request_counts: { total: 2, completed: 0, failed: 0 },
    });
    expect(await worker.deliver(to, [0, 1])).toEqual({ done: [0, 1], again: [] });
    expect(await state()).toMatchObject({
      status: "completed",
      request_counts: { total: 2, completed: 2, failed: 0 },
    });
    const lines = await read("results");
    expect(lines.map(({ line, custom_id }) => [line, custom_id])).toEqual([
      [1, null],
      [2, "q-7"],
    ]);
    for (const { response, error } of lines) {
      expect(error).toBeNull();
      expect(response.status_code).toBe(200);
      expect(response.body).toMatchObject({ object: "answer", answer: "yes", k: 2 });
    }
    expect(await read("errors")).toEqual([]);
  });

  it("has errors of lines that are wrong, and of those alone", async () => {
    const llm = fakeLlm();
    const long = JSON.stringify({ ...ask, context: "x".repeat(1_100_000) });
    const lines = [ask, "{", { question: 7 }, { ...ask, colour: "red" }, long, "[]", { body: 1 }];
    const { to, read, state } = await begun(lines);
    await worker.deliver(to, [6, 5, 4, 3, 2, 1, 0]);
    expect((await state()).request_counts).toEqual({ total: 7, completed: 1, failed: 6 });
    const errors = (await read("errors")).sort((a, b) => a.line - b.line);
    expect(errors.map(({ line, error }) => [line, error.code])).toEqual([
      [2, "malformed_json"],
      [3, "invalid_request"],
      [4, "invalid_request"],
      [5, "body_too_large"],
      [6, "invalid_request"],
      [7, "invalid_request"],
    ]);
    expect(errors[2].response.body.errors).toEqual([
      { field: "colour", reason: "is not a known field" },
    ]);
    expect(errors[0].response.status_code).toBe(400);
    expect(llm.requests).toBe(1);
  });

  it("says the urgent text in errors too, where the question could be read", async () => {
    vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(null, { status: 401 }));
    const urgent = { question: "I am having a heart attack, what do I do?", k: 1 };
    const lines = [urgent, { ...urgent, adapter: "nobody" }, ask, { ...urgent, colour: "red" }];
    const { to, read } = await begun(lines);
    await worker.deliver(to, [0, 1, 2, 3]);
    const errors = (await read("errors")).toSorted((a, b) => a.line - b.line);
    const said = errors.map(({ error, response: { body } }) => [
      error.code,
      body.urgent ?? false,
      typeof body.urgent_text,
    ]);
    expect(said).toEqual([
      ["upstream_unauthorized", true, "string"],
      ["unknown_adapter", true, "string"],
      ["upstream_unauthorized", false, "undefined"],
      ["invalid_request", false, "undefined"],
    ]);
  });

  it("whose lines are delivered twice, at once and later, asks and counts each once", async () => {
    const llm = fakeLlm();
    const gate = Promise.withResolvers<void>();
    llm.gate = gate.promise;
    const owner = await begun([ask, ask]);
    const first = worker.deliver(owner.to, [0, 1]);
    await expect.poll(() => llm.requests).toBe(2);
    const twin = await worker.deliver(owner.to, [0, 1]);
    expect(twin.done).toEqual([]);
    expect(twin.again.map(([line]) => line)).toEqual([0, 1]);
    gate.resolve();
    expect((await first).done).toEqual([0, 1]);
    expect(await worker.deliver(owner.to, [1, 0])).toEqual({ done: [1, 0], again: [] });
    expect(llm.requests).toBe(2);
    expect(await owner.read("results")).toHaveLength(2);
    const reader = await newKey({ tenant: owner.tenant, scopes: ["usage"] });
    const usage = await worker.send(reader.key, "/v1/usage?group_by=key");
    expect(usage.body.data).toMatchObject([
      { key: owner.id, requests: 2, llm_requests: 2, estimated_requests: 0 },
    ]);
  });

  it("tries a line again while the LLM is down, with growing pauses, then says what was wrong", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
      return new Response("no", { status: 503, headers: { "retry-after": "0" } });
    });
    const { to, id, tenant, state, read } = await begun([ask]);
    const pauses: unknown[] = [];
    for (let tries = 0; tries < 5; tries += 1) {
      const { done, again } = await worker.deliver(to, [0]);
      if (done.length > 0) break;
      pauses.push(again[0]?.[1]);
    }
    expect(pauses).toEqual([5, 10, 20, 40]);
    expect((await state()).status).toBe("completed");
    const [error] = await read("errors");
    expect(error.error.code).toBe("upstream_error");
    expect(error.response.status_code).toBe(502);
    // Each try asked the LLM, and counts.
    const reader = await newKey({ tenant, scopes: ["usage"] });
    const usage = await worker.send(reader.key, "/v1/usage?group_by=key");
    expect(usage.body.data).toMatchObject([{ key: id, requests: 5, estimated_requests: 0 }]);
  });

  it("ends with an error for each line that the queue gave up", async () => {
    fakeLlm();
    const { to, state, read } = await begun([ask, ask]);
    await worker.deliver(to, [0]);
    expect(await worker.deliver(to, [0, 1], true)).toEqual({ done: [0, 1], again: [] });
    expect(await state()).toMatchObject({
      status: "completed",
      request_counts: { completed: 1, failed: 1 },
    });
    expect((await read("errors"))[0]).toMatchObject({ line: 2, error: { code: "batch_lost" } });
  });

  it("whose lines the queue has lost sends them again, but for those that are done", async () => {
    fakeLlm();
    const { to, state } = await begun([ask, ask, ask]);
    await worker.deliver(to, [0]);
    const object = BATCHES.get(BATCHES.idFromName(to.tenant));
    const sent = () =>
      runInDurableObject(
        object,
        (_, { storage }) => storage.sql.exec<{ sent: number }>("SELECT sent FROM batch").one().sent,
      );
    await expect.poll(sent).toBe(3);
    const messages = await runInDurableObject(object, (_, { storage }) => {
      const lines = new LineTables(storage.sql);
      lines.resend(Date.now());
      const early = lines.toSend();
      lines.resend(Date.now() + 1_200_001);
      return { early, late: lines.toSend().map(({ line }) => line) };
    });
    expect(messages).toEqual({ early: [], late: [1, 2] });
    await worker.deliver(to, messages.late);
    expect((await state()).status).toBe("completed");
  });

  it("uses its key's quota, and no key that was revoked", async () => {
    const llm = fakeLlm();
    const { to, read } = await begun([ask, ask], { quota: 1 });
    await worker.deliver(to, [0]);
    await worker.deliver(to, [1]);
    expect((await read("errors"))[0]).toMatchObject({ error: { code: "insufficient_quota" } });
    const owner = await begun([ask]);
    await revokeKey(kvKeyStore(KEYS), owner.id, new Date());
    worker = await batchingWorker();
    // The new isolate's first call finds the batches' object started anew, which is a try again.
    await expect.poll(async () => (await worker.deliver(owner.to, [0])).done).toEqual([0]);
    const reader = await key({ tenant: owner.tenant });
    const errors = await worker.send(reader.key, `/v1/batches/${owner.to.batch}/errors`);
    expect(parsed(errors.text)[0]).toMatchObject({ error: { code: "invalid_api_key" } });
    expect(llm.requests).toBe(1);
  });

  it("that is cancelled begins no line more and keeps what it has", async () => {
    const llm = fakeLlm();
    const { key: owner, to, state, read } = await begun([ask, ask]);
    await worker.deliver(to, [0]);
    const path = `/v1/batches/${to.batch}/cancel`;
    const cancelled = await worker.send(owner, path, { method: "POST" });
    expect(cancelled.body).toMatchObject({ status: "cancelled", request_counts: { completed: 1 } });
    expect(await worker.deliver(to, [1])).toEqual({ done: [1], again: [] });
    expect(llm.requests).toBe(1);
    expect((await state()).status).toBe("cancelled");
    expect(await read("results")).toHaveLength(1);
    await expect.poll(() => kept(`batches/${to.tenant}/${to.batch}/input`)).toEqual([]);
  });

  it("that is deleted leaves nothing", async () => {
    fakeLlm();
    const { key: owner, to } = await begun([ask, ask]);
    await worker.deliver(to, [0]);
    const path = `/v1/batches/${to.batch}`;
    expect((await worker.send(owner, path, { method: "DELETE" })).body.deleted).toBe(true);
    expect(await kept(`batches/${to.tenant}`)).toEqual([]);
    expect((await worker.send(owner, path)).status).toBe(404);
    expect(await worker.deliver(to, [1])).toEqual({ done: [1], again: [] });
    expect(await kept(`batches/${to.tenant}`)).toEqual([]);
  });

  it("that is deleted while it comes in leaves nothing either", async () => {
    const { key: owner, tenant } = await key();
    const lines = new TransformStream<Uint8Array, Uint8Array>();
    const writer = lines.writable.getWriter();
    const sent = worker.send(owner, "/v1/batches", {
      method: "POST",
      headers: { "content-type": "application/jsonl" },
      body: lines.readable,
    });
    const bytes = new TextEncoder().encode(`${JSON.stringify(ask)}\n`.repeat(150));
    void writer.write(bytes);
    const listed = async () => (await worker.send(owner, "/v1/batches")).body.data;
    await expect.poll(listed).toHaveLength(1);
    const [{ id }] = await listed();
    await worker.send(owner, `/v1/batches/${id}`, { method: "DELETE" });
    await writer.write(bytes);
    await writer.close();
    expect((await sent).status).toBe(404);
    await expect.poll(() => kept(`batches/${tenant}`)).toEqual([]);
  });

  it("expires: then nothing is left of it", async () => {
    fakeLlm();
    worker = await batchingWorker({ BATCH_DAYS: String(2 / 86_400) });
    const { key: owner, to, state } = await begun([ask]);
    await worker.deliver(to, [0]);
    expect((await state()).status).toBe("completed");
    expect(await kept(`batches/${to.tenant}`)).not.toEqual([]);
    const path = `/v1/batches/${to.batch}`;
    const gone = async () => (await worker.send(owner, path)).status;
    await expect.poll(gone, { timeout: 10_000 }).toBe(404); // by its own alarm
    await runDurableObjectAlarm(BATCHES.get(BATCHES.idFromName(to.tenant)));
    expect(await kept(`batches/${to.tenant}`)).toEqual([]);
  });

  it("is kept so that its bucket tells nothing", async () => {
    fakeLlm();
    const canary = "canary-7f3a";
    const { to } = await begun([
      { custom_id: canary, body: { ...ask, question: canary, context: canary } },
      { ...ask, [canary]: canary },
    ]);
    await worker.deliver(to, [0]);
    const names = await kept(`batches/${to.tenant}`);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      expect(await (await content.get(name))?.text()).not.toContain(canary);
    }
  });
});

describe("who sends a batch", () => {
  it("needs the scope, and sees those of the own tenant alone", async () => {
    fakeLlm();
    const { key: owner, to } = await begun([ask]);
    const stranger = await key();
    const path = `/v1/batches/${to.batch}`;
    for (const [where, method] of [
      [path, "GET"],
      [`${path}/results`, "GET"],
      [`${path}/errors`, "GET"],
      [`${path}/cancel`, "POST"],
      [`/v1/files/${to.batch}.results/content`, "GET"],
      [path, "DELETE"],
    ] as const) {
      expect((await worker.send(stranger.key, where, { method })).status).toBe(404);
      const { key: unable } = await newKey({ tenant: to.tenant, scopes: ["answer", "usage"] });
      expect((await worker.send(unable, where, { method })).status).toBe(403);
    }
    expect((await worker.send(stranger.key, "/v1/batches")).body.data).toEqual([]);
    const listed = await worker.send(owner, "/v1/batches");
    expect(listed.body.data.map(({ id }: { id: string }) => id)).toEqual([to.batch]);
  });

  it("finds them newest first, a page at a time", async () => {
    const { key: owner } = await key();
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.unshift((await worker.batch(owner, [ask])).body.id);
    const first = (await worker.send(owner, "/v1/batches?limit=2")).body;
    const idsOf = (page: typeof first) => page.data.map(({ id }: { id: string }) => id);
    expect(first.has_more).toBe(true);
    const next = (await worker.send(owner, `/v1/batches?limit=2&after=${first.last_id}`)).body;
    expect(next.has_more).toBe(false);
    expect([...idsOf(first), ...idsOf(next)].toSorted()).toEqual(ids.toSorted());
    expect((await worker.send(owner, "/v1/batches?limit=0")).status).toBe(400);
  });

  it("gets the same batch for the same Idempotency-Key and lines, and no other", async () => {
    const { key: owner } = await key();
    const again = { "idempotency-key": "upload-1" };
    const first = await worker.batch(owner, [ask, ask], again);
    const second = await worker.batch(owner, [ask, ask], again);
    expect(second.body.id).toBe(first.body.id);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    const other = await worker.batch(owner, [ask], again);
    expect([other.status, other.body.code]).toEqual([422, "idempotency_key_reused"]);
    const theirs = await worker.batch((await key()).key, [ask, ask], again);
    expect(theirs.body.id).not.toBe(first.body.id);
  });

  it("is refused what is no batch", async () => {
    const { key: owner } = await key();
    const code = async (lines: readonly unknown[], headers = {}) => {
      const { status, body } = await worker.batch(owner, lines, headers);
      return [status, body.code];
    };
    expect(await code([])).toEqual([400, "invalid_request"]);
    expect(await code([ask], { "content-type": "application/json" })).toEqual([
      415,
      "jsonl_expected",
    ]);
    expect(await code(Array.from({ length: 50_001 }, () => "{}"))).toEqual([
      413,
      "batch_too_large",
    ]);
    expect(await code([ask], { "idempotency-key": "ü" })).toEqual([400, "invalid_request"]);
    await expect.poll(async () => (await worker.send(owner, "/v1/batches")).body.data).toEqual([]);
    worker = await batchingWorker({ CONTENT_SECRET: "" });
    expect(await code([ask])).toEqual([400, "storage_unavailable"]);
  });
});
