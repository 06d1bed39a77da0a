/** A provider of a few lines, for habits that the replay does not have: it answers with fixed bodies. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as it came in. */
export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What to answer; an array of events makes an event stream, closed by [DONE]. */
export type Answer =
  | { readonly status: number; readonly json: unknown }
  | { readonly events: readonly unknown[] };

export async function provider(answer: (asked: Asked) => Answer) {
  const asked: Asked[] = [];
  const server = createServer(async (incoming, outgoing) => {
    let text = "";
    for await (const part of incoming) text += part;
    const one = { path: incoming.url ?? "", headers: incoming.headers, body: JSON.parse(text) };
    asked.push(one);
    const given = answer(one);
    if ("events" in given) {
      outgoing.writeHead(200, { "content-type": "text/event-stream" });
      for (const event of given.events) outgoing.write(`data: ${JSON.stringify(event)}\n\n`);
      outgoing.end("data: [DONE]\n\n");
    } else {
      outgoing.writeHead(given.status, { "content-type": "application/json" });
      outgoing.end(JSON.stringify(given.json));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A chunk with one choice's part. */
export function part(content: string, finish: string | null = null, index = 0, usage?: unknown) {
  return {
    object: "chat.completion.chunk",
    choices: [{ index, delta: { role: "assistant", content }, finish_reason: finish }],
    ...(usage === undefined ? {} : { usage }),
  };
}
