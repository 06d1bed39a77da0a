/** OpenAI's SDK for Node against `/v1/responses`: plain, streaming, what is refused; and the answer in headers. */
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Service, startService, typed } from "./service.ts";

let service: Service;
let client: OpenAI;

beforeAll(async () => {
  service = await startService();
  client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: "none", maxRetries: 0 });
});

beforeEach(() => service.replay.reset());
afterAll(() => service?.stop());

const ask = { model: "replay", input: typed };
/** Ours, which the SDK's types do not know. */
const ours = (medadapter: object) => ({ medadapter }) as object;

describe("responses.create", () => {
  it("gets the answer that a chat gets, with usage and what led to it", async () => {
    const { data, response } = await client.responses
      .create({ ...ask, metadata: { app: "test" }, instructions: "Be brief." })
      .withResponse();
    const chat = await client.chat.completions.create({
      model: "replay",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: typed },
      ],
    });
    expect(data.output_text).toBe(chat.choices[0]?.message.content);
    expect(data).toMatchObject({
      object: "response",
      status: "completed",
      error: null,
      metadata: { app: "test" },
      instructions: "Be brief.",
      medadapter: { answer: expect.stringMatching(/^[A-D]$/), abstained: false },
    });
    expect(data.id).toMatch(/^resp_[0-9a-f]{32}$/);
    expect(data.usage?.input_tokens).toBeGreaterThan(0);
    expect(data.usage?.total_tokens).toBe(
      (data.usage?.input_tokens ?? 0) + (data.usage?.output_tokens ?? 0),
    );
    const { answer } = (data as unknown as { medadapter: { answer: string } }).medadapter;
    expect(response.headers.get("x-medadapter-answer")).toBe(answer);
    expect(response.headers.get("x-medadapter-abstained")).toBe("false");
    expect(response.headers.get("x-medadapter-adapter")).toMatch(/^mini@/);
  });

  it("takes what it said before as input", async () => {
    const input: OpenAI.Responses.ResponseInput = [
      { role: "user", content: [{ type: "input_text", text: "Is this a test?" }] },
      {
        type: "message",
        id: "msg_1",
        status: "completed",
        role: "assistant",
        content: [{ type: "output_text", text: "Yes.", annotations: [] }],
      },
      { role: "user", content: typed },
    ];
    const { output_text } = await client.responses.create({ model: "replay", input });
    expect(output_text).not.toBe("");
  });

  it("abstains in the configured sentence, as a chat does", async () => {
    const silent = ours({ abstain: { target_error: 0.05 } });
    const { data, response } = await client.responses.create({ ...ask, ...silent }).withResponse();
    expect(data.status).toBe("completed");
    expect(data).toMatchObject({ medadapter: { abstained: true, answer: null } });
    expect(data.output_text).not.toBe("");
    expect(response.headers.get("x-medadapter-abstained")).toBe("true");
    expect(response.headers.has("x-medadapter-answer")).toBe(false);
  });

  it("says that a text was cut by the token limit", async () => {
    const cut = await client.responses.create({ ...ask, max_output_tokens: 2 });
    expect(cut).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output: [{ status: "incomplete" }],
    });
  });

  it("throws what is refused, with the field", async () => {
    const tools = client.responses.create({
      ...ask,
      tools: [{ type: "web_search" }],
    });
    await expect(tools).rejects.toMatchObject({
      status: 400,
      code: "unsupported_parameter",
      param: "tools",
    });
    const empty = client.responses.create({ ...ask, input: [{ role: "user", content: " " }] });
    await expect(empty).rejects.toMatchObject({ status: 400, param: "input" });
    const model = client.responses.create({ ...ask, model: "no-such-model" });
    await expect(model).rejects.toMatchObject({ status: 404, param: "model" });
  });
});

describe("a stream of responses", () => {
  it("has the events that the SDK knows, in their order", async () => {
    const stream = await client.responses.create({ ...ask, stream: true });
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 4)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
    ]);
    expect(new Set(types.slice(4, -4))).toEqual(new Set(["response.output_text.delta"]));
    expect(types.slice(-4)).toEqual([
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, at) => at));
    const deltas = events.flatMap((one) =>
      one.type === "response.output_text.delta" ? [one.delta] : [],
    );
    const last = events.at(-1);
    if (last?.type !== "response.completed") throw new Error("it did not end");
    const plain = await client.responses.create(ask);
    expect(deltas.join("")).toBe(plain.output_text);
    expect(last.response.output).toMatchObject([{ content: [{ text: plain.output_text }] }]);
    expect(last.response).toMatchObject({ medadapter: { abstained: false } });
  });

  it("is gathered by the SDK's helper", async () => {
    const final = await client.responses.stream(ask).finalResponse();
    expect(final.output_text).not.toBe("");
    expect(final.usage?.output_tokens).toBeGreaterThan(0);
  });

  it("tells of candidates where that is asked for", async () => {
    const asked = { ...ask, ...ours({ k: 3, events: true }) };
    const stream = await client.responses.create({ ...asked, stream: true });
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    expect(types.filter((type) => type === "medadapter.candidate")).toHaveLength(3);
  });

  it("ends with the failure where the LLM gives nothing", async () => {
    await service.replay.fail("500");
    const stream = await client.responses.create({ ...ask, stream: true });
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    expect(events.at(-1)).toMatchObject({
      type: "response.failed",
      response: { status: "failed", error: { code: "upstream_error" } },
    });
  });

  it("begins with the urgent text, which the whole text has too", async () => {
    const input = "I took all my pills and want to die. Should I sleep? Yes or no?";
    const asked = { model: "replay", input };
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    // The local replay does not know the question: what was said before that stands.
    for await (const event of await client.responses.create({ ...asked, stream: true }))
      events.push(event);
    const said = events.findIndex(({ type }) => type === "response.output_text.delta");
    expect(said).toBe(4);
    expect(events[said]).toMatchObject({ delta: expect.stringContaining("emergency") });
  });
});
