/** The Worker as if deployed: another host than localhost, its own variables, an LLM that answers and counts. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { kvKeyStore } from "../../../src/worker/access/keyStore.ts";
import type { KeyWish } from "../../../src/worker/access/keys.ts";
import { makeKey } from "../../../src/worker/access/keys.ts";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import type main from "../main.ts";
import { bindings } from "./bindings.ts";

export interface CallOptions {
  readonly key?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Fires when the client leaves. */
  readonly signal?: AbortSignal;
  /** Told when the answer has come, while background work may go on. */
  readonly onAnswer?: () => void;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes, looked at member by member
  readonly body: any;
  readonly text: string;
}

type Call = Awaited<ReturnType<typeof isolate>>;
const isolates = new Map<string, Promise<Call>>();

/** The isolate with these variables, made when it is first asked for. */
export function deployed(variables: Partial<Bindings> = {}): Promise<Call> {
  const name = Object.entries(variables)
    .map(([key, value]) => `${key}=${typeof value === "object" ? "object" : value}`)
    .join();
  const made = isolates.get(name) ?? isolate(variables);
  isolates.set(name, made);
  return made;
}

/** An isolate of its own; calls wait until the request's background work has ended. */
export async function isolate(variables: Partial<Bindings> = {}) {
  vi.resetModules();
  const worker = (await import("../main.ts")).default as typeof main;
  const all = { ...(env as unknown as Bindings), ...variables };
  return async (path: string, options: CallOptions = {}): Promise<Answered> => {
    const { key, body, method = body === undefined ? "GET" : "POST", headers = {} } = options;
    const request = new Request(`https://api.example${path}`, {
      method,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const context = createExecutionContext();
    const response = await worker.fetch(request, all, context);
    const text = await response.text();
    options.onAnswer?.();
    await waitOnExecutionContext(context);
    const json = response.headers.get("content-type")?.includes("json") ?? false;
    const { status } = response;
    return { status, headers: response.headers, body: json ? JSON.parse(text) : null, text };
  };
}

/** A key of a tenant of its own, unless told otherwise, in the Worker's store. */
export async function newKey(changes: Partial<KeyWish> = {}) {
  const tenant = `t-${crypto.randomUUID().slice(0, 8)}`;
  const wish: KeyWish = { tenant, scopes: ["answer", "rerank"], adapters: null, quota: null };
  const { key, record } = await makeKey({ ...wish, ...changes }, new Date());
  await kvKeyStore(bindings.KEYS).put(record);
  return { key, id: record.id, tenant: record.tenant };
}

/** Puts an LLM behind the Worker that gives each candidate "Answer: yes", and counts its requests. */
export function fakeLlm() {
  const llm = { requests: 0, gate: Promise.resolve() };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_url, init) => {
    llm.requests += 1;
    const left = Promise.withResolvers<never>();
    init?.signal?.addEventListener("abort", () => left.reject(new DOMException("", "AbortError")));
    await Promise.race([llm.gate, left.promise]);
    const { n = 1 } = JSON.parse(String(init?.body));
    const chunk = (choices: object[], usage: object | null = null) =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices, usage })}\n\n`;
    const texts = Array.from({ length: n }, (_, index) => [
      chunk([{ index, delta: { role: "assistant", content: "Answer: yes" }, finish_reason: null }]),
      chunk([{ index, delta: {}, finish_reason: "stop" }]),
    ]).flat();
    const usage = { prompt_tokens: 11, completion_tokens: 3 * n, total_tokens: 11 + 3 * n };
    const body = [...texts, chunk([], usage), "data: [DONE]\n\n"].join("");
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  return llm;
}
