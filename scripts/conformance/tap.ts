/**
 * A proxy between the Worker and the server under test that passes everything on, byte by byte, and counts: what was
 * asked, which tokens the server itself reported. What the service says about usage is compared with that.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createParser } from "eventsource-parser";

/** One request to the server, and how it was answered. */
export interface Exchange {
  readonly n: number;
  readonly parameters: readonly string[];
  status: number;
  promptTokens: number;
  completionTokens: number;
  /** Whether the answer still comes, came to its end, or was broken off by one of the two sides. */
  state: "open" | "ended" | "broken";
}

export class Tap {
  readonly #server: Server;
  readonly #upstream: string;
  #exchanges: Exchange[] = [];

  private constructor(upstream: string) {
    this.#upstream = upstream;
    this.#server = createServer((request, response) => void this.#pass(request, response));
  }

  /** @param upstream origin of the server under test, such as `http://127.0.0.1:8080` */
  static async start(upstream: string): Promise<Tap> {
    const tap = new Tap(upstream);
    await new Promise<void>((listening) => tap.#server.listen(0, "127.0.0.1", listening));
    return tap;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** The chat completions since the last call of this. */
  take(): Exchange[] {
    const taken = this.#exchanges;
    this.#exchanges = [];
    return taken;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const exchange = exchangeOf(request, body);
    if (exchange !== null) this.#exchanges.push(exchange);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    try {
      const headers = new Headers();
      for (const [name, value] of Object.entries(request.headers)) {
        const own = ["host", "connection", "content-length", "transfer-encoding"].includes(name);
        if (!own && typeof value === "string") headers.set(name, value);
      }
      headers.set("accept-encoding", "identity");
      const answer = await fetch(`${this.#upstream}${request.url}`, {
        method: request.method ?? "GET",
        headers,
        ...(body.length > 0 ? { body } : {}),
        signal: gone.signal,
      });
      if (exchange !== null) exchange.status = answer.status;
      const passed = Object.fromEntries(answer.headers);
      delete passed["transfer-encoding"];
      delete passed.connection;
      response.writeHead(answer.status, passed);
      const usage = usageReader(exchange, passed["content-type"] ?? "");
      for await (const chunk of answer.body ?? []) {
        response.write(chunk);
        usage.read(chunk);
      }
      usage.end();
      if (exchange !== null) exchange.state = "ended";
      response.end();
    } catch {
      if (exchange !== null) exchange.state = "broken";
      response.destroy();
    }
  }
}

function exchangeOf({ url }: IncomingMessage, body: Buffer): Exchange | null {
  if (!url?.endsWith("/chat/completions")) return null;
  const asked = JSON.parse(body.toString()) as Record<string, unknown>;
  return {
    n: typeof asked.n === "number" ? asked.n : 1,
    parameters: Object.keys(asked),
    status: 0,
    promptTokens: 0,
    completionTokens: 0,
    state: "open",
  };
}

/** Reads what the server reports about tokens; in a stream the last report counts. */
function usageReader(exchange: Exchange | null, contentType: string) {
  const note = (text: string) => {
    if (exchange === null || !text.includes('"usage"')) return;
    const usage = (JSON.parse(text) as { usage?: Record<string, number> | null }).usage;
    if (!usage) return;
    exchange.promptTokens = usage.prompt_tokens ?? 0;
    exchange.completionTokens = usage.completion_tokens ?? 0;
  };
  const decoder = new TextDecoder();
  if (contentType.includes("text/event-stream")) {
    const parser = createParser({ onEvent: ({ data }) => data !== "[DONE]" && note(data) });
    return {
      read: (chunk: Uint8Array) => parser.feed(decoder.decode(chunk, { stream: true })),
      end: () => parser.reset({ consume: true }),
    };
  }
  let text = "";
  return {
    read: (chunk: Uint8Array) => {
      text += decoder.decode(chunk, { stream: true });
    },
    end: () => contentType.includes("json") && note(text),
  };
}
