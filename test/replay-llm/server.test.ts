/** The replay over plain HTTP: which candidates, what is refused, control, counts, pacing, aborts. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FAILURES } from "../../scripts/replay-llm/failures.ts";
import {
  eventually,
  IRON,
  type ReplayUnderTest,
  recorded,
  replayUnderTest,
  VALVE,
} from "../llm/replay.ts";

let replay: ReplayUnderTest;
beforeAll(async () => {
  replay = await replayUnderTest();
});
beforeEach(() => replay.reset());
afterAll(() => replay.close());

interface Asking {
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

function post({ body = {}, headers = {}, signal }: Asking = {}): Promise<Response> {
  const messages = [{ role: "user", content: IRON.question }];
  return fetch(`${replay.url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "replay", messages, ...body }),
    ...(signal ? { signal } : {}),
  });
}

async function contents(asking: Asking): Promise<string[]> {
  const response = await post(asking);
  const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
  return choices.map(({ message }) => message.content);
}

function control(path: string, body?: unknown): Promise<Response> {
  return fetch(replay.url.replace(/\/v1$/u, `/__replay/${path}`), {
    method: body === undefined ? "GET" : "POST",
    body: body === undefined ? null : JSON.stringify(body),
  });
}

describe("which candidates", () => {
  it("n > 1 gets the first n, every time; over what is recorded, what there is", async () => {
    for (const n of [2, 8, 2]) expect(await contents({ body: { n } })).toEqual(recorded(n));
    expect(await contents({ body: { n: 20 } })).toEqual(recorded(8));
  });

  it("calls for one get one after the other, and from the start again at the end", async () => {
    const got: string[] = [];
    for (let i = 0; i < 10; i += 1) got.push(...(await contents({})));
    expect(got).toEqual([...recorded(8), ...recorded(2)]);
    await replay.reset();
    expect(await contents({})).toEqual(recorded(1));
  });

  it("a call for one that names its number gets that one, and 404 past the end", async () => {
    const numbered = (i: number) => ({ headers: { "x-client-request-id": `any.${i}` } });
    expect(await contents(numbered(5))).toEqual([IRON.candidates[5]?.text]);
    expect(await contents(numbered(5))).toEqual([IRON.candidates[5]?.text]);
    const past = await post(numbered(8));
    expect(past.status).toBe(404);
    expect(await past.json()).toMatchObject({ error: { code: "candidate_not_recorded" } });
  });

  it("a call for several that names its first number goes on from there", async () => {
    const from = (i: number) => ({ headers: { "x-client-request-id": `any.${i}` } });
    expect(await contents({ ...from(3), body: { n: 2 } })).toEqual(recorded(5).slice(3));
    expect(await contents({ ...from(7), body: { n: 2 } })).toEqual(recorded(8).slice(7));
    expect((await post({ ...from(8), body: { n: 2 } })).status).toBe(404);
  });

  it("are cut at max_tokens", async () => {
    const response = await post({ body: { max_tokens: 4 } });
    expect(await response.json()).toMatchObject({
      choices: [{ finish_reason: "length" }],
      usage: { completion_tokens: 4 },
    });
  });
});

describe("what is refused", () => {
  it.each([
    ["messages", { messages: [] }],
    ["messages", { messages: [{ role: "user" }] }],
    ["model", { model: 7 }],
    ["n", { n: 0 }],
    ["n", { n: 1.5 }],
    ["temperature", { temperature: 3 }],
  ])("a wrong %s is named", async (param, body) => {
    const response = await post({ body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { param, type: "invalid_request_error" },
    });
  });

  it("bodies that are no JSON, and unknown paths, get OpenAI's error form too", async () => {
    const bad = await fetch(`${replay.url}/chat/completions`, { method: "POST", body: "{" });
    expect([bad.status, await bad.json()]).toMatchObject([400, { error: { param: "body" } }]);
    const lost = await fetch(`${replay.url}/embeddings`);
    expect([lost.status, await lost.json()]).toMatchObject([404, { error: {} }]);
  });

  it("every response says that it is a replay", async () => {
    const responses = [
      await post(),
      await post({ body: { stream: true } }),
      await post({ body: { n: 0 } }),
      await post({ headers: { "x-replay-fail": "500" } }),
      await fetch(`${replay.url}/models`),
      await fetch(`${replay.url}/nothing`),
    ];
    for (const response of responses) {
      expect(response.headers.get("x-medadapter-llm")).toBe("replayed");
      await response.body?.cancel();
    }
  });
});

describe("control", () => {
  it("plans a fault for a number of requests", async () => {
    expect((await control("fail", { mode: "500", times: 2 })).status).toBe(200);
    const statuses = [await post(), await post(), await post()].map(({ status }) => status);
    expect(statuses).toEqual([500, 500, 200]);
    await control("fail", { mode: "401" });
    expect((await post()).status).toBe(401);
    await control("fail", { mode: null });
    expect((await post()).status).toBe(200);
  });

  it("refuses a fault it does not know, and lists those it does", async () => {
    expect((await control("fail", { mode: "explode" })).status).toBe(400);
    expect(await (await control("failures")).json()).toEqual(FAILURES);
  });

  it("counts requests, choices, and clients that left", async () => {
    await contents({ body: { n: 3 } });
    const leaving = new AbortController();
    const slow = await post({
      body: { n: 2, stream: true },
      headers: { "x-replay-pace": "1,2" },
      signal: leaving.signal,
    });
    const reader = slow.body?.getReader();
    await reader?.read();
    leaving.abort();
    await reader?.read().catch(() => undefined);
    expect(await eventually(async () => (await replay.stats()).inFlight === 0)).toBe(true);
    expect(await replay.stats()).toMatchObject({
      ...{ requests: 2, choicesStarted: 5, choicesFinished: 3, abortedConnections: 1 },
    });
  });
});

describe("plain responses with a fault in the middle", () => {
  it("are broken JSON, cut, or hang", async () => {
    const fails = (mode: string, signal?: AbortSignal) =>
      post({ headers: { "x-replay-fail": mode }, ...(signal ? { signal } : {}) }).then((r) =>
        r.json(),
      );
    await expect(fails("malformed-sse")).rejects.toThrow(SyntaxError);
    await expect(fails("cut-stream")).rejects.toThrow(TypeError);
    await expect(fails("hang-mid", AbortSignal.timeout(150))).rejects.toThrow(/timeout/u);
  });
});

describe("pace", () => {
  it("waits for the first token, then keeps about its rate, the same every time", async () => {
    const timed = async () => {
      const startedAt = performance.now();
      const question = { messages: [{ role: "user", content: VALVE.question }] };
      const response = await post({
        body: { ...question, n: 2, stream: true },
        headers: { "x-replay-pace": "200,100" },
      });
      const text = await response.text();
      const tokens = text.split('"content":').length - 1 - 2;
      return { ms: performance.now() - startedAt, tokens, text };
    };
    const first = await timed();
    const expectedMs = 200 + (first.tokens / 2 / 100) * 1000;
    expect(first.ms).toBeGreaterThan(0.7 * expectedMs);
    expect(first.ms).toBeLessThan(expectedMs + 2_000);
    const order = (text: string) => [...text.matchAll(/"index":(\d)/gu)].map(([, i]) => i).join("");
    expect(order((await timed()).text)).toBe(order(first.text));
  });
});
