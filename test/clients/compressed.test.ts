/**
 * Streams for clients that ask for compression, as Android's HTTP stack does by itself: what is compressed in one piece
 * would come in one piece. Each event has to leave as it is, when it is there.
 */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Service, startService, typed } from "./service.ts";

let service: Service;

beforeAll(async () => {
  // Slow: three seconds and more until the first candidate is whole.
  service = await startService({}, 100, "1500,5");
});

afterAll(() => service?.stop());

interface Received {
  readonly headers: NodeJS.Dict<string | string[]>;
  /** What came at once, in order. */
  readonly pieces: readonly string[];
}

/** Over HTTP/1.1, without anything that decodes. */
function streamed(path: string, body: object): Promise<Received> {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/json",
      accept: "text/event-stream",
      "accept-encoding": "gzip, deflate, br",
    };
    const asked = request(`${service.url}${path}`, { method: "POST", headers }, (response) => {
      const pieces: string[] = [];
      response.on("data", (bytes: Buffer) => pieces.push(bytes.toString("latin1")));
      response.on("end", () => resolve({ headers: response.headers, pieces }));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(JSON.stringify(body));
  });
}

const messages = [{ role: "user", content: typed }];

describe("a stream that is asked for with Accept-Encoding: gzip", () => {
  it.each([
    ["/v1/answer", { question: "Is it contagious?", k: 2 }],
    ["/v1/chat/completions", { model: "replay", messages, stream: true, medadapter: { k: 2 } }],
    ["/v1/responses", { model: "replay", input: typed, stream: true, medadapter: { k: 2 } }],
  ])("%s is not compressed, and comes event by event", async (path, body) => {
    const asked = path === "/v1/answer" ? { ...body, question: typed } : body;
    const { headers, pieces } = await streamed(path, asked);
    expect(headers["content-encoding"]).toBeUndefined();
    expect(headers["content-type"]).toMatch(/^text\/event-stream/);
    expect(headers["cache-control"]).toContain("no-transform");
    // While the LLM writes, one comment after the other, none of them held back for what follows.
    const alone = pieces.filter((piece) => piece === ": keep-alive\n\n");
    expect(alone.length).toBeGreaterThanOrEqual(3);
    const text = pieces.join("");
    expect(pieces.indexOf(": keep-alive\n\n")).toBeLessThanOrEqual(1);
    expect(text).toContain("medadapter");
  });
});
