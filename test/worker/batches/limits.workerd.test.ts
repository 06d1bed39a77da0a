/** What batches and their lines may not do: too much, too deep, too many, fields of nobody, calls elsewhere. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { BatchNamespace } from "../../../src/worker/batches/batch.ts";
import { newBatchId } from "../../../src/worker/batches/batch.ts";
import { BatchTables } from "../../../src/worker/batches/batchTables.ts";
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
