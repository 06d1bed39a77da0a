/** The replay as the official OpenAI SDK for Node meets it. */
import OpenAI, {
  AuthenticationError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { IRON, type ReplayUnderTest, recorded, replayUnderTest } from "../llm/replay.ts";

let replay: ReplayUnderTest;
let client: OpenAI;
beforeAll(async () => {
  replay = await replayUnderTest();
  client = new OpenAI({ apiKey: "any", baseURL: replay.url, maxRetries: 0 });
});
beforeEach(() => replay.reset());
afterAll(() => replay.close());

const messages = [{ role: "user" as const, content: `Please answer: ${IRON.question}` }];

describe("the OpenAI SDK", () => {
  it("lists the model", async () => {
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(["replay"]);
  });

  it("gets n whole choices, their usage, and the model it named", async () => {
    const completion = await client.chat.completions.create({ model: "any-name", messages, n: 3 });
    expect(completion.choices.map(({ message }) => message.content)).toEqual(recorded(3));
    expect(completion.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(completion.model).toBe("any-name");
    const { prompt_tokens = 0, completion_tokens = 0, total_tokens } = completion.usage ?? {};
    expect(prompt_tokens).toBeGreaterThan(10);
    expect(completion_tokens).toBeGreaterThan(3 * 15);
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
  });

  it("gets the same texts as a stream, interleaved, with the usage last where it asked for it", async () => {
    const stream = await client.chat.completions.create({
      ...{ model: "replay", messages, n: 3, stream: true },
      stream_options: { include_usage: true },
    });
    const texts = ["", "", ""];
    const order: number[] = [];
    const usages: unknown[] = [];
    for await (const { choices, usage } of stream) {
      usages.push(usage);
      for (const { index, delta } of choices) {
        order.push(index);
        texts[index] += delta.content ?? "";
      }
    }
    expect(texts).toEqual(recorded(3));
    expect(order.slice(0, 9)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
    expect(usages.slice(0, -1).every((usage) => usage === null)).toBe(true);
    expect(usages.at(-1)).toMatchObject({ prompt_tokens: expect.any(Number) });
  });

  it("gets no usage in a stream where it did not ask for it", async () => {
    const stream = await client.chat.completions.create({
      model: "replay",
      messages,
      stream: true,
    });
    for await (const chunk of stream) expect(chunk).not.toHaveProperty("usage");
  });

  it("gets its own kind of error for each refusal", async () => {
    const ask = (fault: string, content = messages) =>
      client.chat.completions.create(
        { model: "replay", messages: content },
        { headers: { "x-replay-fail": fault } },
      );
    await expect(ask("401")).rejects.toThrow(AuthenticationError);
    await expect(ask("429")).rejects.toThrow(RateLimitError);
    await expect(ask("500")).rejects.toThrow(InternalServerError);
    const unknown = ask("", [{ role: "user", content: "What is the weather?" }]);
    await expect(unknown).rejects.toThrow(NotFoundError);
    await expect(unknown).rejects.toMatchObject({ code: "question_not_recorded", status: 404 });
  });

  it("retries past a fault that was planned once", async () => {
    replay.plan.set("500", 1);
    const patient = client.withOptions({ maxRetries: 1 });
    const completion = await patient.chat.completions.create({ model: "replay", messages });
    expect(completion.choices[0]?.message.content).toBe(recorded(1)[0]);
  });
});
