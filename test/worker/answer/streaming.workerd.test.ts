/** Streams in workerd without an LLM: what is refused is plain, what fails later is the last event, nothing leaks. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import main from "../main.ts";

const canary = "kanarienvogel-2207";
const question = `Is ${canary} a bird?`;
const chat = { model: "replay", stream: true, messages: [{ role: "user", content: question }] };
let logged: string[];

/** Posts to a Worker whose LLM cannot be reached; its response, and its body once all work has ended. */
async function post(path: string, body: object) {
  const headers = { "content-type": "application/json", accept: "text/event-stream" };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  const context = createExecutionContext();
  const bindings = { ...(env as unknown as Bindings), LLM_BASE_URL: "http://127.0.0.1:9/v1" };
  const request = new Request(`http://localhost${path}`, init);
  const response = await main.fetch(request, bindings, context);
  const text = await response.text();
  await waitOnExecutionContext(context);
  return { status: response.status, headers: response.headers, text };
}

beforeEach(() => {
  logged = [];
  vi.spyOn(console, "log").mockImplementation((line) => {
    logged.push(String(line));
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("a stream", () => {
  it.each([
    ["/v1/answer", { question: " " }],
    ["/v1/answer", { question, k: 0 }],
    ["/v1/chat/completions", { ...chat, model: canary }],
    ["/v1/chat/completions", { ...chat, tools: [{ type: canary }] }],
  ])("%s refuses as a plain problem", async (path, body) => {
    const { status, headers, text } = await post(path, body);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(text).not.toContain(canary);
  });

  it.each([
    ["/v1/answer", { question, k: 1 }],
    ["/v1/chat/completions", chat],
  ])("%s ends with an error event where the LLM cannot be reached", async (path, body) => {
    const { status, headers, text } = await post(path, body);
    expect(status).toBe(200);
    expect(headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(headers.get("x-request-id")).toMatch(/^req_/);
    expect(text).toMatch(/^: keep-alive\n\n/);
    const last = text.trimEnd().split("\n\n").at(-1) ?? "";
    const [name, data] = last.split("\n");
    expect(name).toBe("event: error");
    expect(JSON.parse((data ?? "").slice("data: ".length))).toMatchObject({
      error: { code: "upstream_unreachable", type: "api_error", param: null },
    });
    expect(text).not.toContain("[DONE]");
    expect(text).not.toContain(canary);
    const requests = logged.filter((line) => line.includes('"event":"request"'));
    expect(requests).toHaveLength(1);
    expect(JSON.parse(requests[0] ?? "")).toMatchObject({
      route: path,
      status: 200,
      problem: "upstream_unreachable",
    });
    expect(logged.join()).not.toContain(canary);
  });
});
