/** A Worker that keeps content, as if deployed: its requests, and ticks of its clock. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { Bindings } from "../../src/worker/config/parts.ts";
import type main from "./main.ts";

export const content = (env as unknown as { readonly CONTENT: R2Bucket }).CONTENT;
const secret = "a content secret of 32 characters";

export interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes, looked at member by member
  readonly body: any;
}

export type Deployed = Awaited<ReturnType<typeof keepingWorker>>;

/** An isolate of its own, with a secret to keep content with. */
export async function keepingWorker(variables: Partial<Bindings> = {}) {
  vi.resetModules();
  const worker = (await import("./main.ts")).default as typeof main;
  const all = { ...(env as unknown as Bindings), CONTENT_SECRET: secret, ...variables };
  /** A request that nobody waits for: its response, and when its work has ended. */
  const open = (key: string, path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${key}`);
    const context = createExecutionContext();
    const request = new Request(`https://api.example${path}`, { ...init, headers });
    return { response: Promise.resolve(worker.fetch(request, all, context)), context };
  };
  const send = async (key: string, path: string, init: RequestInit = {}): Promise<Sent> => {
    const { response: coming, context } = open(key, path, init);
    const response = await coming;
    // The runtime warns of `text()` where the content type is not one that it knows.
    const text = new TextDecoder().decode(await response.arrayBuffer());
    await waitOnExecutionContext(context);
    const json = response.headers.get("content-type")?.endsWith("json") ?? false;
    const whole = json && !response.headers.get("content-type")?.includes("nd");
    const { status } = response;
    return { status, headers: response.headers, text, body: whole ? JSON.parse(text) : null };
  };
  return {
    worker,
    variables: all,
    open,
    send,
    post: (key: string, path: string, body: unknown) =>
      send(key, path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    tick: async () => {
      const context = createExecutionContext();
      const event = { scheduledTime: Date.now(), cron: "*", noRetry: () => {} };
      await worker.scheduled(event as ScheduledController, all, context);
      await waitOnExecutionContext(context);
    },
  };
}

/** Names of what the bucket holds under a prefix. */
export async function kept(prefix: string): Promise<string[]> {
  return (await content.list({ prefix })).objects.map(({ key }) => key);
}

/** JSON lines, parsed. */
export function parsed(text: string) {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
