/** What batches and their lines may not do: too much, too deep, too many, fields of nobody, calls elsewhere. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { BatchNamespace } from "../../../src/worker/batches/batch.ts";
import { newBatchId } from "../../../src/worker/batches/batch.ts";
import { BatchTables } from "../../../src/worker/batches/batchTables.ts";
import { IN_QUEUE, LineTables } from "../../../src/worker/batches/lineTables.ts";
import { fakeLlm, newKey } from "../access/worker.ts";
import { fromSchema } from "../security/fromSchema.ts";
import { extras, fields, hostile, known } from "../security/hostile.ts";
import { described } from "../security/routes.ts";
import { allSent, type Batching, batchingWorker, parsed } from "./worker.ts";

const MIB = 1024 * 1024;
const LLM = "http://127.0.0.1:8788/v1/chat/completions";
const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };
const question = "Is it?";
const { BATCHES } = env as unknown as { readonly BATCHES: BatchNamespace };
const UNFINISHED = 50;
let worker: Batching;

beforeAll(async () => {
  worker = await batchingWorker();
});
beforeEach(() => {
  for (const method of ["log", "warn"] as const) vi.spyOn(console, method).mockReturnValue();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Batches whose lines are still being read in; their ids. */
function begin(tenant: string, count: number): Promise<string[]> {
  return runInDurableObject(BATCHES.get(BATCHES.idFromName(tenant)), (_, { storage }) => {
    const rows = new BatchTables(storage.sql);
    return Array.from({ length: count }, () => {
      const who = { tenant, caller: "{}", keyId: "k", principal: "k" };
      const id = newBatchId();
      rows.create({ id, ...who, keepMs: 60_000, stallMs: 60_000, replay: null }, Date.now());
      return id;
    });
  });
}

describe("batches", () => {
  it("have errors for lines that are too long or too deep, and answer the others", async () => {
    const llm = fakeLlm();
    const { key, tenant } = await newKey({ scopes: ["batch"] });
    const good = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 1 };
    const deep = `{"question": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    const { body } = await worker.batch(key, [`"${"x".repeat(MIB)}"`, deep, good]);
    await worker.deliver({ tenant, batch: body.id }, [0, 1, 2]);
    const errors = parsed((await worker.send(key, `/v1/batches/${body.id}/errors`)).text);
    expect(errors.map(({ line }) => line).toSorted()).toEqual([1, 2]);
    expect((await worker.send(key, `/v1/batches/${body.id}`)).body.status).toBe("completed");
    expect(llm.requests).toBe(1);
  });

  it("are at most so many unfinished ones of a tenant, and one that ends makes room", async () => {
    const { key, tenant } = await newKey({ scopes: ["batch"] });
    const other = await newKey({ tenant, scopes: ["batch"] });
    const ids = await begin(tenant, UNFINISHED);
    const refused = await worker.batch(other.key, ["{}"]);
    expect([refused.status, refused.body.code]).toEqual([429, "too_many_batches"]);
    expect(refused.headers.get("retry-after")).not.toBeNull();
    await worker.send(key, `/v1/batches/${ids[0]}`, { method: "DELETE" });
    expect((await worker.batch(other.key, ["{}"])).status).toBe(200);
    await allSent(tenant);
  });
});

describe("one user of an app", () => {
  it("has a share of its tenant's unfinished batches, and the other users theirs", async () => {
    const tenant = `tenant-${crypto.randomUUID()}`;
    const made = await runInDurableObject(
      BATCHES.get(BATCHES.idFromName(tenant)),
      (_, { storage }) => {
        const rows = new BatchTables(storage.sql);
        const create = (keyId: string, principal: string) =>
          rows.create(
            {
              ...{ id: newBatchId(), tenant, caller: "{}", keyId, principal },
              ...{ keepMs: 60_000, stallMs: 60_000, replay: null },
            },
            Date.now(),
          );
        const many = (keyId: string, principal: string) =>
          Array.from({ length: 12 }, () => create(keyId, principal)).filter(Boolean).length;
        return [many("token", "token-a"), many("token", "token-b"), many("k", "k")];
      },
    );
    expect(made).toEqual([10, 10, 12]);
  });
});

describe("a large batch", () => {
  /** Batches of so many lines each, all sent as far as they may be; lines that the queue holds of the tenant. */
  const inQueue = (sizes: readonly number[], done = 0) =>
    runInDurableObject(
      BATCHES.get(BATCHES.idFromName(`tenant-${crypto.randomUUID()}`)),
      (_, { storage }) => {
        const rows = new BatchTables(storage.sql);
        const lines = new LineTables(storage.sql);
        for (const [at, size] of sizes.entries()) {
          const id = `batch_${at}`;
          const who = { tenant: "t", caller: "{}", keyId: "k", principal: "k" };
          rows.create({ id, ...who, keepMs: 60_000, stallMs: 60_000, replay: null }, at);
          rows.begin(id, { chunks: [0], lines: size, fingerprint: "f" }, at);
        }
        const sent: string[] = [];
        const send = () => {
          for (let some = lines.toSend(); some.length > 0; some = lines.toSend()) {
            const last = some.at(-1);
            sent.push(...some.map(({ batch, line }) => `${batch}/${line}`));
            if (last !== undefined) lines.sent(last.batch, last.line + 1, 1);
          }
        };
        send();
        for (let line = 0; line < done; line += 1) {
          lines.claim("batch_0", line, 1_000, 2);
          lines.finish("batch_0", line, { failed: false, sealed: new Uint8Array([1]) });
        }
        send();
        return sent;
      },
    );

  it("has a share of the queue, whatever its size: a line of another tenant waits for no more", async () => {
    expect(await inQueue([120])).toHaveLength(IN_QUEUE);
    expect(await inQueue([50_000])).toHaveLength(IN_QUEUE);
  });

  it("sends a line for each that is done, each line once", async () => {
    const sent = await inQueue([120], 20);
    expect(sent).toHaveLength(IN_QUEUE + 20);
    expect(new Set(sent).size).toBe(sent.length);
  });

  it("leaves turns to the tenant's other batches", async () => {
    const sent = await inQueue([120, 1]);
    expect(sent.indexOf("batch_1/0")).toBeGreaterThan(-1);
    expect(sent.indexOf("batch_1/0")).toBeLessThanOrEqual(8);
  });
});

describe("a line", () => {
  it.each(extras)("%s: is refused where nobody described it", async (field, value) => {
    const llm = fakeLlm();
    const { key, tenant } = await newKey({ scopes: ["batch"] });
    const { body } = await worker.batch(key, [{ ...ask, [field]: value }]);
    await worker.deliver({ tenant, batch: body.id }, [0]);
    const errors = parsed((await worker.send(key, `/v1/batches/${body.id}/errors`)).text);
    expect(JSON.stringify(errors)).toContain(`"field":"${field}"`);
    expect(llm.requests).toBe(0);
  });

  it("may ask for no more than the deployment allows", async () => {
    const { key, tenant } = await newKey({ scopes: ["batch"] });
    fakeLlm();
    const worker = await batchingWorker({ MAX_K: "4", MAX_TOKENS: "256" });
    const { body } = await worker.batch(key, [
      { question, k: 5 },
      { question, k: 4 },
    ]);
    await allSent(tenant);
    await worker.deliver({ tenant, batch: body.id }, [0, 1]);
    const errors = parsed((await worker.send(key, `/v1/batches/${body.id}/errors`)).text);
    expect(JSON.stringify(errors)).toContain("k: must be at most 4");
    expect(errors).toHaveLength(1);
  });

  it("cannot choose where the Worker calls", async () => {
    const { schemas } = await described();
    fakeLlm();
    const body = fromSchema(schemas.AnswerRequest, { schemas, hostile, known });
    const more = fc.dictionary(fc.constantFrom(...fields.split(" ")), hostile, { maxKeys: 2 });
    const lines = fc.sample(fc.tuple(body, fc.oneof(fc.constant({}), more)), {
      numRuns: 60,
      seed: 1,
    });
    const { key, tenant } = await newKey({ scopes: ["batch"] });
    const { body: batch } = await worker.batch(
      key,
      lines.map(([one, extra]) => ({ ...(one as object), ...extra })),
    );
    await allSent(tenant);
    await worker.deliver({ tenant, batch: batch.id }, [...lines.keys()]);
    const { completed } = (await worker.send(key, `/v1/batches/${batch.id}`)).body.request_counts;
    expect(completed).toBeGreaterThan(0); // else it would hold of a Worker that refuses everything
    const calls = vi.mocked(globalThis.fetch).mock.calls.map(([target]) => String(target));
    expect(new Set(calls)).toEqual(new Set([LLM]));
  });
});
