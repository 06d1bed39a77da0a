/**
 * A canary in every text that a caller or the LLM can send, over every route, with and without consent to keep it: it
 * comes back in answers only, and stands nowhere in clear, in no log line, error, response header, Durable Object, queue
 * or bucket. What may be kept with consent is encrypted, so the search allows nothing at all.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { stopAll } from "../../scripts/lib/processes.ts";
import { openBucket, seedAdapter } from "../../scripts/lib/seed.mjs";
import { canariesBelow, canariesIn, canary, filesWith } from "./canary.ts";
import { ask, chat, rerank } from "./canaryBodies.ts";
import { type CanaryLlm, FAULTS, startCanaryLlm } from "./canaryLlm.ts";

interface Got {
  readonly status: number;
  readonly headers: string;
  readonly text: string;
}

const json = { "content-type": "application/json" };
const lines = { "content-type": "application/jsonl" };
const secretToken = "an admin token of 32 characters!!";
let folder: string;
let worker: Worker;
let llm: CanaryLlm;
/** Everything that came back. */
const got: Got[] = [];

/** Sends a request with canaries in its headers and its query. */
async function send(path: string, init: RequestInit & { headers?: Record<string, string> } = {}) {
  const query = path.includes("?") ? path : `${path}?note=${canary("query")}`;
  const response = await fetch(`${worker.url}${query}`, {
    ...init,
    headers: {
      "user-agent": canary("useragent"),
      "x-request-id": canary("requestid"),
      traceparent: canary("traceparent"),
      cookie: `session=${canary("cookie")}`,
      referer: `http://app.example/${canary("referer")}`,
      origin: `http://${canary("origin")}.example`,
      [canary("headername")]: "x",
      ...init.headers,
    },
  });
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  const one = { status: response.status, headers, text: await response.text() };
  got.push(one);
  return one;
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  send(path, {
    method: "POST",
    headers: { ...json, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

beforeAll(async () => {
  folder = temporaryFolder();
  llm = await startCanaryLlm();
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  worker = await startWorker(folder, {
    LLM_BASE_URL: llm.url,
    LLM_MODEL: "m",
    CONTENT_SECRET: "a content secret of 32 characters",
    ADMIN_TOKEN: secretToken.replaceAll(" ", "-"),
  });
});

afterAll(async () => {
  llm.close();
  await endStack(folder);
});

describe("texts of callers and of the LLM", () => {
  it("come back in answers, with and without consent to keep them", async () => {
    for (const headers of [{}, { "idempotency-key": canary("idempotencykey") }]) {
      for (const store of [false, true]) {
        // The key belongs to one body.
        const key = {
          ...headers,
          ...(store && headers["idempotency-key"] ? { "idempotency-key": canary("otherkey") } : {}),
        };
        const answered = await post("/v1/answer", ask({ store }), key);
        expect(answered.status).toBe(200);
        expect(canariesIn(answered.text)).toEqual(expect.arrayContaining(["candidate"]));
        const id = JSON.parse(answered.text).id as string;
        if (store) {
          expect(JSON.parse(answered.text).stored).toBe(true);
          expect((await post("/v1/feedback", { id, gold: canary("gold") })).status).toBe(400);
          expect((await post("/v1/feedback", { id, gold: "A" })).status).toBe(200);
        }
      }
    }
    // Asked again with its key: out of what was kept.
    const replayed = await post("/v1/answer", ask({ store: false }), {
      "idempotency-key": canary("idempotencykey"),
    });
    expect(replayed.headers).toContain("idempotent-replayed: true");
    expect((await post("/v1/chat/completions", chat())).status).toBe(200);
    expect((await post("/v1/chat/completions", chat({ store: true }))).status).toBe(200);
    const streamed = chat({ stream: true, medadapter: { k: 2, events: true } });
    expect((await post("/v1/chat/completions", streamed)).text).toContain("[DONE]");
    for (const store of [false, true]) {
      const withEvidence = ask({ context: null, evidence: canary("evidence"), store });
      expect((await post("/v1/answer", withEvidence)).status).toBe(200);
    }
    const chatted = chat({ medadapter: { k: 2, evidence: canary("chatevidence") } });
    expect((await post("/v1/chat/completions", chatted)).status).toBe(200);
    const byEvidence = rerank({ context: null, evidence: canary("rerankevidence") });
    expect((await post("/v1/rerank", byEvidence)).status).toBe(200);
    const scored = await post("/v1/rerank", rerank({ return_documents: true }));
    expect(scored.status).toBe(200);
    expect(canariesIn(scored.text)).toContain("document");
    expect(canariesIn((await send("/v1/feedback/export")).text)).toContain("question");
  });

  it("come back in a batch's files", async () => {
    const batch = [
      { custom_id: canary("customid"), body: ask() },
      ask({}, "fault500"),
      { custom_id: canary("badcustomid"), body: { question: 1, note: canary("batchfield") } },
      `{ "question": "${canary("brokenline")}`,
      { question: canary("longline").padEnd(1024 * 1024 + 1, "x") },
    ];
    const body = batch
      .map((one) => (typeof one === "string" ? one : JSON.stringify(one)))
      .join("\n");
    const headers = { ...lines, "idempotency-key": canary("batchkey") };
    const made = await send("/v1/batches", { method: "POST", headers, body });
    expect(made.status).toBe(200);
    const { id } = JSON.parse(made.text) as { id: string };
    const counts = async () => JSON.parse((await send(`/v1/batches/${id}`)).text).request_counts;
    await expect
      .poll(async () => (await counts()).completed + ((await counts()).failed >= 3 ? 1 : 0), {
        timeout: 60_000,
        interval: 500,
      })
      .toBe(2);
    await expect
      .poll(async () => canariesIn((await send(`/v1/batches/${id}/results`)).text), {
        timeout: 60_000,
        interval: 500,
      })
      .toEqual(expect.arrayContaining(["candidate", "customid"]));
    // A line's own id is its caller's and comes back; nothing else of a line that failed does.
    const { text } = await send(`/v1/batches/${id}/errors`);
    expect(canariesIn(text.replaceAll(canary("badcustomid"), ""))).toEqual([]);
  });

  it("are in no error", async () => {
    const before = got.length;
    for (const fault of FAULTS) {
      await post("/v1/answer", ask({}, fault));
      await post("/v1/chat/completions", chat({ stream: true }, fault));
    }
    const wrong: Record<string, unknown>[] = [
      { model: canary("model") },
      { adapter: canary("adapter") },
      { task: canary("task") },
      { strategy: canary("strategy") },
      { evidence: canary("evidencebeside") },
      { k: canary("k") },
      { include: [canary("include")] },
      { options: { A: { text: canary("optionobject") } } },
      { question: canary("long").padEnd(40_000, "x") },
    ];
    for (const change of wrong) await post("/v1/answer", ask(change));
    await post("/v1/chat/completions", chat({ tools: [{ name: canary("tool") }] }));
    await post("/v1/chat/completions", chat({ model: canary("chatmodel") }));
    await post("/v1/rerank", rerank({ model: canary("rerankmodel") }));
    await post("/v1/rerank", rerank({ answers: [canary("answers"), null] }));
    await post("/v1/feedback", { id: canary("feedbackid"), correct: true });
    for (const path of ["/v1/answer", "/v1/chat/completions", "/v1/rerank", "/v1/feedback"]) {
      await post(path, `{"question": "${canary("broken")}`);
      await post(path, JSON.stringify(canary("string")));
      await post(path, ask(), { "content-type": canary("contenttype") });
      await post(path, { question: canary("huge"), context: "x".repeat(1024 * 1024) });
    }
    await post("/v1/answer", ask(), { "idempotency-key": `${canary("badkey")}${"x".repeat(300)}` });
    await post("/v1/answer", ask({ k: 1 }), { "idempotency-key": canary("idempotencykey") });
    await send("/v1/batches", { method: "POST", body: canary("nobatch") });
    await send(`/v1/batches?limit=${canary("limit")}&after=${canary("after")}`);
    await send(`/v1/usage?from=${canary("from")}&group_by=${canary("groupby")}`);
    for (const path of ["", "v1/", "v1/batches/", "v1/files/", "v1/feedback/", "v1/admin/keys/"]) {
      await send(`/${path}${canary("path")}`);
      await send(`/${path}${canary("path")}/${canary("content")}`, { method: "DELETE" });
    }
    const keys = [`ma_${canary("apikey")}`, `a.b.${canary("token")}`];
    for (const key of keys) await post("/v1/answer", ask(), { authorization: `Bearer ${key}` });
    const admin = { authorization: `Bearer ${secretToken.replaceAll(" ", "-")}` };
    await post("/v1/admin/keys", { tenant: `${canary("tenant")}.`, scopes: ["answer"] }, admin);
    await post("/v1/admin/keys", { tenant: "t", scopes: [canary("scope")] }, admin);
    const refused = got.slice(before);
    expect(refused.filter(({ status }) => status >= 400).length).toBeGreaterThan(50);
    for (const { status, text } of refused) {
      // A stream of 200 that broke off has its error inside.
      if (status >= 400 || text.includes("event: error")) expect(canariesIn(text)).toEqual([]);
    }
  });

  it("reach the LLM, are in no response's headers, and probes tell nothing of them", async () => {
    expect(canariesIn(llm.asked.join("\n"))).toEqual(
      expect.arrayContaining(["question", "option", "context", "system", "user", "stop"]),
    );
    for (const field of ["evidence", "chatevidence", "rerankevidence"]) {
      expect(canariesIn(llm.asked.join("\n"))).not.toContain(field);
    }
    for (const path of ["/healthz", "/readyz", "/openapi.json", "/v1/models", "/v1/usage"]) {
      expect(canariesIn((await send(path)).text)).toEqual([]);
    }
    expect(got.flatMap(({ headers }) => canariesIn(headers))).toEqual([]);
  });

  it("stand nowhere in clear once all is written down, where the search would find them", async () => {
    await stopAll();
    const log = readFileSync(worker.log, "utf8");
    // `wrangler dev` itself prints method and path of each request: its own line, which a deployed Worker has not.
    const own = log.split("\n").filter((line) => !/^\[wrangler:info\] [A-Z]+ \//.test(line));
    const records = own.filter((line) => line.includes('"event":'));
    expect(records.filter((line) => line.includes('"event":"request"')).length).toBeGreaterThan(80);
    expect(records.filter((line) => line.includes('"event":"line"')).length).toBeGreaterThan(3);
    expect(canariesIn(own.join("\n"))).toEqual([]);

    const state = join(folder, "state");
    expect(canariesBelow(state)).toEqual([]);
    const version = JSON.parse(readFileSync(join(bundleDir, "manifest.json"), "utf8")).version;
    const clear = filesWith(state, version).join("\n");
    expect(clear).toMatch(/\/do\/.*LedgerObject.*\.sqlite/);
    expect(clear).toMatch(/\/r2\//);

    const { bucket, dispose } = await openBucket({ persistTo: state, configPath });
    await bucket.put("scratch", `a text with ${canary("control")} in it`);
    await bucket.put(
      "scratch-64",
      Buffer.from(`as base64: ${canary("control")}`).toString("base64"),
    );
    await dispose();
    const found = canariesBelow(state).join("\n");
    expect(found).toMatch(/r2.*: control/);
    expect(found).toMatch(/r2.*: base64/);
  });
});
