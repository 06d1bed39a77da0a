/** Requests that would cost more than they should: refused by size, depth or number, on every route that has a body. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { BatchNamespace } from "../../../src/worker/batches/batch.ts";
import { newBatchId } from "../../../src/worker/batches/batch.ts";
import { BatchTables } from "../../../src/worker/batches/batchTables.ts";
import { fakeLlm, newKey } from "../access/worker.ts";
import { allSent, type Deployed, keepingWorker, parsed } from "../batches/worker.ts";
import { type DescribedRoute, described } from "./routes.ts";

const admin = "an-admin-token-of-32-characters-or-more";
const MIB = 1024 * 1024;
const { BATCHES } = env as unknown as { readonly BATCHES: BatchNamespace };
const UNFINISHED = 50;
let routes: readonly DescribedRoute[];
let worker: Deployed;

beforeAll(async () => {
  ({ routes } = await described());
  worker = await keepingWorker({ ADMIN_TOKEN: admin });
});
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Posts text as JSON to every route that takes JSON; statuses by route. */
async function posted(body: string): Promise<Record<string, number>> {
  const { key } = await newKey({ scopes: ["answer", "rerank"] });
  const found: Record<string, number> = {};
  for (const { method, path, bodies } of routes) {
    if (!("application/json" in bodies)) continue;
    const headers = { "content-type": "application/json" };
    const whose = path.startsWith("/v1/admin/") ? admin : key;
    const { status } = await worker.send(whose, path, { method, headers, body });
    found[path] = status;
  }
  return found;
}

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

const every = (status: number) => ({
  "/v1/admin/keys": status,
  "/v1/answer": status,
  "/v1/chat/completions": status,
  "/v1/feedback": status,
  "/v1/rerank": status,
});

describe("every route with a JSON body", () => {
  it("refuses one over 1 MiB", async () => {
    expect(await posted(JSON.stringify({ question: "x".repeat(MIB) }))).toEqual(every(413));
  });

  it("refuses one that is a hundred thousand lists deep", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(await posted(deep)).toEqual(every(400));
    expect(await posted(`{"question": ${deep}, "query": ${deep}}`)).toEqual(every(400));
  });
});

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
