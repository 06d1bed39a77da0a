/**
 * Responses that are sent piece by piece: server-sent events (WHATWG HTML, section 9.2), and JSON lines.
 *
 * While an event stream has nothing else to send, it sends a comment at least once a second. Proxies then keep the
 * connection, and we notice a client that left (the dev server tells at a write only). Writing never waits for the
 * reader, so a slow reader delays neither the LLM nor the scoring.
 */
import type { Context } from "hono";
import type { AppEnv } from "../config/parts.ts";

/** We notice a client that left at the second write after it did (measured: 1.0 to 1.9 s at 900 ms). The limit is 2 s. */
const KEEP_ALIVE_MS = 700;

const encoder = new TextEncoder();

export class EventStream {
  /** The response's body. */
  readonly body: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onLeave called when the client has left before `close` */
  constructor(onLeave: () => void) {
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.#end();
        onLeave();
      },
    });
    this.#keepAlive();
  }

  /** Sends one event: JSON, or `[DONE]` as it is. Nothing happens after the end. */
  send(data: object | "[DONE]", event: string | null = null): void {
    const name = event === null ? "" : `event: ${event}\n`;
    this.#write(`${name}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
  }

  /** Ends the response. */
  close(): void {
    const controller = this.#controller;
    this.#end();
    controller?.close();
  }

  readonly #keepAlive = (): void => {
    this.#write(": keep-alive\n\n");
  };

  #write(text: string): void {
    if (this.#controller === null) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#keepAlive, KEEP_ALIVE_MS);
    this.#controller.enqueue(encoder.encode(text));
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#controller = null;
  }
}

/** The media type of JSON lines. No name is registered; `application/jsonl` is accepted too. */
export const JSONL = "application/x-ndjson";

/** Lines as a response that is read no faster than its client reads. */
export function jsonLinesResponse(c: Context<AppEnv>, lines: AsyncGenerator<Uint8Array, void>) {
  const body = new ReadableStream<Uint8Array>({
    async pull(stream) {
      const { value, done } = await lines.next();
      if (done) stream.close();
      else stream.enqueue(value);
    },
    cancel: () => void lines.return(),
  });
  const headers = { "content-type": JSONL, "cache-control": "no-store" };
  // The route's types only know JSON.
  return c.body(body, 200, headers) as never;
}
