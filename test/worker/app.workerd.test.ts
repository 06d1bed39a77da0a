/** The app in workerd, without an adapter and without an LLM: what every response carries, who may call, what is logged. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../src/worker/config/parts.ts";
import { post, send } from "./client.ts";
import main from "./main.ts";

const canary = "kanarienvogel-0815";
const json = { "content-type": "application/json" };
let logged: string[];

beforeEach(() => {
  logged = [];
  for (const method of ["log", "info", "warn", "error", "debug"] as const) {
    vi.spyOn(console, method).mockImplementation((...parts) => {
      logged.push(parts.map(String).join(" "));
    });
  }
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** An isolate of its own with these variables. */
async function withVariables(variables: Partial<Bindings>) {
  vi.resetModules();
  const fresh = (await import("./main.ts")).default as typeof main;
  return async (path: string, init: RequestInit = {}) => {
    const context = createExecutionContext();
    const request = new Request(`http://localhost${path}`, init);
    const bindings = { ...(env as unknown as Bindings), ...variables };
    const response = await fresh.fetch(request, bindings, context);
    await waitOnExecutionContext(context);
    return response;
  };
}

describe("every response", () => {
  it("has a request id of ours, whatever the caller sends", async () => {
    const headers = { "x-request-id": canary };
    const ids = new Set<string | null>();
    for (const path of ["/healthz", "/readyz", "/v1/models", "/openapi.json", "/nothing"]) {
      ids.add((await send(path, { headers })).headers.get("x-request-id"));
    }
    expect(ids.size).toBe(5);
    for (const id of ids) expect(id).toMatch(/^req_[0-9a-f]{32}$/);
    expect(logged.join("\n")).not.toContain(canary);
  });
});

describe("/openapi.json", () => {
  it("can be made from the routes' schemas", async () => {
    const response = await send("/openapi.json");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ openapi: "3.1.0", paths: { "/v1/answer": {} } });
  });
});

describe("probes", () => {
  it("alive without anything, not ready without an adapter", async () => {
    expect((await send("/healthz")).status).toBe(200);
    const ready = await send("/readyz");
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      status: "degraded",
      reason: "pointer_absent",
      adapter: null,
    });
  });
});

describe("who may call", () => {
  it("is nobody from outside without a key, whatever localhost may", async () => {
    const init = { method: "POST", headers: json, body: "{}" };
    for (const host of ["medadapter.example", "127.0.0.1.example", "192.168.0.2"]) {
      const request = new Request(`http://${host}/v1/answer`, init);
      const context = createExecutionContext();
      const response = await main.fetch(request, env as unknown as Bindings, context);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: "invalid_api_key" });
    }
  });
});

describe("a configuration with faults", () => {
  it("refuses calls, stays alive, and names the variables, not their values", async () => {
    const call = await withVariables({
      LLM_BASE_URL: `ftp://${canary}`,
      LLM_DEADLINE_MS: canary,
      LLM_MODEL: " ,",
      ADAPTER: `../${canary}`,
    });
    expect((await call("/healthz")).status).toBe(200);
    const refused = await call("/v1/models");
    expect(refused.status).toBe(500);
    expect(await refused.json()).toMatchObject({ code: "misconfigured" });
    const ready = await call("/readyz");
    const text = await ready.text();
    expect(ready.status).toBe(503);
    for (const name of ["LLM_BASE_URL", "LLM_DEADLINE_MS", "LLM_MODEL", "ADAPTER"]) {
      expect(text).toContain(name);
    }
    expect(text).not.toContain(canary);
  });
});

describe("content", () => {
  it("is in no log line and in no error, where the LLM cannot be reached", async () => {
    const call = await withVariables({ LLM_BASE_URL: "http://127.0.0.1:9/v1" });
    const options = { A: `${canary} a`, B: `${canary} b` };
    const bodies: [string, object][] = [
      ["/v1/answer", { question: `${canary}?`, options, context: canary, k: 2 }],
      [
        "/v1/chat/completions",
        { model: "replay", user: canary, messages: [{ role: "user", content: `${canary}?` }] },
      ],
      ["/v1/rerank", { query: `${canary}?`, documents: [canary], options }],
    ];
    for (const [path, body] of bodies) {
      const init = { method: "POST", headers: json, body: JSON.stringify(body) };
      const response = await call(path, init);
      const text = await response.text();
      expect(response.status).toBe(path === "/v1/rerank" ? 503 : 502);
      expect(JSON.parse(text).code).toMatch(/^(upstream_unreachable|adapter_unavailable)$/);
      expect(text).not.toContain(canary);
    }
    expect(logged.filter((line) => line.includes('"event":"request"'))).toHaveLength(3);
    expect(logged.join("\n")).not.toContain(canary);
  });

  it("with lone surrogates is taken", async () => {
    const response = await post("/v1/rerank", { query: "\ud800?", documents: ["\udfff"] });
    expect(response.status).toBe(503); // no adapter, but well understood
  });
});
