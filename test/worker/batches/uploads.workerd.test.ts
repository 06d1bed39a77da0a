/** Uploads that break off: neither their Idempotency-Key nor their place among the unfinished is kept for long. */
import { runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BatchNamespace, NewBatch } from "../../../src/worker/batches/batch.ts";
import { BatchTables, UPLOAD_LEASE_MS } from "../../../src/worker/batches/batchTables.ts";
import { newKey } from "../access/worker.ts";
import { type Batching, batchingWorker, kept } from "./worker.ts";

const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };
const { BATCHES } = env as unknown as { readonly BATCHES: BatchNamespace };
const named = { "idempotency-key": "upload-1" };

let worker: Batching;

beforeEach(async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  worker = await batchingWorker();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const key = () => newKey({ scopes: ["batch"] });
const objectOf = (tenant: string) => BATCHES.get(BATCHES.idFromName(tenant));

/** An upload that has begun: 150 lines of it have come. */
async function half(owner: string) {
  const lines = new TransformStream<Uint8Array, Uint8Array>();
  const writer = lines.writable.getWriter();
  const { response, context } = worker.open(owner, "/v1/batches", {
    method: "POST",
    headers: { "content-type": "application/jsonl", ...named },
    body: lines.readable,
  });
  const failed = response.then(({ ok }) => !ok);
  void writer.write(new TextEncoder().encode(`${JSON.stringify(ask)}\n`.repeat(150)));
  const listed = async () => (await worker.send(owner, "/v1/batches")).body.data;
  await expect.poll(listed).toHaveLength(1);
  return { writer, failed, listed, ended: waitOnExecutionContext(context) };
}

describe("an upload", () => {
  it("is worked at when nobody waits for it any more, and cleans up where it is cut", async () => {
    const { key: owner, tenant } = await key();
    const { writer, failed, listed, ended } = await half(owner);
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isOver).toBe(false); // what was not handed to `waitUntil` dies with its client
    await writer.abort(new Error("the client left"));
    await ended;
    expect(await failed).toBe(true);
    expect(await listed()).toEqual([]);
    await expect.poll(() => kept(`batches/${tenant}`)).toEqual([]);
    expect((await worker.batch(owner, [ask], named)).status).toBe(200);
  });

  it("that died keeps its key until its lease ends, and says for how long", async () => {
    const { key: owner, tenant } = await key();
    const { writer, failed, ended } = await half(owner);
    const second = await worker.batch(owner, [ask], named);
    expect([second.status, second.body.code]).toEqual([409, "idempotency_in_progress"]);
    const set = (column: "created_at" | "expires_at", at: number) =>
      runInDurableObject(objectOf(tenant), (_, { storage }) => {
        storage.sql.exec(`UPDATE batch SET ${column} = ?`, at);
      });
    const retryAfter = async () =>
      Number((await worker.batch(owner, [ask], named)).headers.get("retry-after"));
    await set("created_at", Date.now() - 60_000);
    expect(Math.abs((await retryAfter()) - 60)).toBeLessThan(10);
    await set("expires_at", Date.now() + 30_000);
    expect(await retryAfter()).toBeLessThanOrEqual(30);
    await set("expires_at", Date.now() - 1);
    expect((await worker.batch(owner, [ask], named)).status).toBe(200);
    await writer.close();
    expect(await failed).toBe(true); // it was not dead after all, but its batch has gone
    await ended;
  });

  it("counts as unfinished while it is heard of, five minutes at a time", async () => {
    const { tenant } = await key();
    const batch = (n: number): NewBatch => ({
      id: `batch_${n}`,
      tenant,
      caller: "{}",
      keyId: "k",
      principal: "k",
      keepMs: 1e9,
      stallMs: 1e9,
      replay: null,
    });
    const seen = await runInDurableObject(objectOf(tenant), (_, { storage }) => {
      const rows = new BatchTables(storage.sql);
      const now = Date.now();
      const made = Array.from({ length: 51 }, (_each, n) => rows.create(batch(n), now));
      rows.uploading("batch_7", now + UPLOAD_LEASE_MS - 1);
      const dead = rows.expired(now + UPLOAD_LEASE_MS).map(({ id }) => id);
      for (const { id } of rows.expired(now + 1e12)) rows.remove(id, tenant);
      return { made, dead };
    });
    expect(seen.made.lastIndexOf(true)).toBe(49);
    expect(seen.dead).toHaveLength(49);
    expect(seen.dead).not.toContain("batch_7");
  });
});
