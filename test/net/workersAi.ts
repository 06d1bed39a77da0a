/**
 * Workers AI without Cloudflare: the runtime's own AI binding in real workerd, as Miniflare connects it to a remote
 * service, and in that service's place a server of the test's that answers as Cloudflare documents.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import type { AiTask } from "./aiWorker.ts";

/** One call of the binding, as it reaches the service. */
export interface AiCall {
  readonly model: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
}

/** `events`: an event stream of these data lines; `cut`: which then breaks off; `hang`: no answer. */
export type AiReply =
  | { readonly json: unknown; readonly status?: number }
  | { readonly events: readonly string[]; readonly end?: "cut" | "hang" }
  | "hang";

/** What stands in for Cloudflare's side of the binding. */
export interface AiService {
  readonly url: URL;
  readonly calls: AiCall[];
  answer(reply: (call: AiCall, number: number) => AiReply | Promise<AiReply>): void;
  close(): void;
}

export interface WorkersAi extends Pick<AiService, "calls" | "answer"> {
  run<Result>(task: AiTask): Promise<Result>;
  close(): Promise<void>;
}

/** A refusal as Workers AI words it. */
export function refusal(status: number, internalCode: number, description: string): AiReply {
  return {
    status,
    json: { internalCode, message: `AiError: ${description}`, name: "AiError", description },
  };
}

export async function aiService(): Promise<AiService> {
  const calls: AiCall[] = [];
  let reply: Parameters<AiService["answer"]>[0] = () => "hang";
  const server = createServer(async (incoming, outgoing) => {
    let text = "";
    for await (const part of incoming) text += part;
    const model = String(incoming.headers["mf-header-cf-consn-model-id"]);
    const call: AiCall = { model, ...JSON.parse(text) };
    calls.push(call);
    send(outgoing, await reply(call, calls.length - 1));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    calls,
    answer: (next) => {
      calls.length = 0;
      reply = next;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export async function workersAi(): Promise<WorkersAi> {
  const service = await aiService();
  const miniflare = await startMiniflare(service.url);
  return {
    calls: service.calls,
    answer: service.answer,
    run: async (task) => {
      const body = JSON.stringify(task);
      const response = await miniflare.dispatchFetch("http://test/", { method: "POST", body });
      return (await response.json()) as never;
    },
    close: async () => {
      service.close();
      await miniflare.dispose();
    },
  };
}

async function startMiniflare(service: URL): Promise<Miniflare> {
  const entry = join(import.meta.dirname, "aiWorker.ts");
  const built = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    target: "es2024",
    write: false,
    logLevel: "silent",
  });
  const contents = built.outputFiles[0]?.text ?? "";
  const modules = { "index.js": { type: "esm" as const, contents } };
  return new Miniflare({
    workers: [
      {
        config: {
          name: "ai",
          compatibilityDate: "2026-10-20",
          manifest: { mainModule: "index.js", modules, modulesRoot: "/" },
          env: { AI: { type: "ai", dev: { remote: true } } },
        },
        dev: { remoteProxyConnectionString: service as never },
      },
    ],
  });
}

function send(outgoing: ServerResponse, reply: AiReply): void {
  if (reply === "hang") return;
  if ("json" in reply) {
    outgoing.writeHead(reply.status ?? 200, { "content-type": "application/json" });
    outgoing.end(JSON.stringify(reply.json));
    return;
  }
  outgoing.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of reply.events) outgoing.write(`data: ${event}\n\n`);
  if (reply.end === "cut") setTimeout(() => outgoing.destroy(), 50);
  else if (reply.end === undefined) outgoing.end();
}
