/** Scores from a service that is busy, wrong or gone. A real server says what it is told to. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { httpScorer } from "../../../scripts/core/scoring/httpScorer.ts";
import type { ScoreJob } from "../../../scripts/core/scoring/scorer.ts";

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
interface Asked {
  readonly authorization: string | undefined;
  readonly body: { documents: string[]; answers?: (string | null)[]; options?: unknown };
}

let server: Server;
let url: string;
/** What the server will say, in this order; then the last one for ever. */
let replies: Reply[];
const asked: Asked[] = [];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    asked.push({ authorization: request.headers.authorization, body });
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    response.writeHead(reply?.status ?? 500, reply?.headers ?? {});
    response.end(JSON.stringify(reply?.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => asked.splice(0));
afterAll(() => server.close());

const options = ["yes", "no"].map((label) => ({ label, text: label }));
const job: ScoreJob = {
  question: { question: "Is it?", options, context: null },
  candidates: [
    { text: "one", answer: "yes" },
    { text: "two", answer: null },
    { text: "three", answer: "yes" },
  ],
};
/** Best first, as the service answers: the text at `index` has the logit `index`. */
function scored(count: number, version = "1"): Reply {
  const results = Array.from({ length: count }, (_, index) => ({
    index,
    score: index,
    truncated: index === 1,
  }));
  const adapter = { name: "mini", version };
  return { status: 200, body: { results: results.reverse(), medadapter: { adapter } } };
}
const refusal = (status: number, code: string, retryAfter = "0"): Reply => ({
  status,
  body: { code },
  headers: { "retry-after": retryAfter },
});

const score = (apiKey: string | null = null) =>
  httpScorer({ url, apiKey, adapter: "mini", version: "1" }).score(job);

describe("scoring through a service", () => {
  it("asks for texts and for each distinct answer alone, with the candidates' own answers", async () => {
    replies = [scored(5)];
    expect(await score("a-key")).toEqual({
      kind: "scored",
      logits: [0, 1, 2],
      bare: [3, 4, 3],
      truncated: [false, true, false],
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.authorization).toBe("Bearer a-key");
    expect(asked[0]?.body).toMatchObject({
      documents: ["one", "two", "three", "", ""],
      answers: ["yes", null, "yes", "yes", null],
      options,
      adapter: "mini@1",
    });
  });

  it("waits where the service is busy, and asks again", async () => {
    replies = [refusal(429, "rate_limited"), refusal(503, "overloaded"), scored(5)];
    expect(await score()).toMatchObject({ kind: "scored" });
    expect(asked).toHaveLength(3);
    expect(asked[0]?.authorization).toBeUndefined();
  });

  it("leaves a question that the service does not take unscored", async () => {
    replies = [refusal(400, "question_too_long")];
    expect(await score()).toEqual({ kind: "unscored", reason: "question_too_long" });
  });

  it.each([
    ["the service scores with mini@2", scored(5, "2"), 1],
    ["the service left a text unscored", scored(4), 1],
    ["the service refused: 401 unauthorized", refusal(401, "unauthorized"), 1],
    ["the service refused: 503 adapter_unavailable", refusal(503, "adapter_unavailable"), 8],
  ])("ends the run: %s", async (message, reply, times) => {
    replies = [reply];
    await expect(score()).rejects.toThrow(message);
    expect(asked).toHaveLength(times);
  });
});
