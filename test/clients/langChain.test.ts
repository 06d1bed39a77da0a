/** LangChain's OpenAI chat model against `/v1/chat/completions`. */
import { ChatOpenAI } from "@langchain/openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Service, startService, typed } from "./service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

beforeEach(() => service.replay.reset());
afterAll(() => service?.stop());

function chat(more: object = {}): ChatOpenAI {
  const configuration = { baseURL: `${service.url}/v1` };
  return new ChatOpenAI({ model: "replay", apiKey: "none", maxRetries: 0, configuration, ...more });
}

describe("LangChain's chat model", () => {
  it("gets an answer with usage", async () => {
    const message = await chat().invoke(typed);
    expect(message.text).not.toBe("");
    expect(message.usage_metadata).toMatchObject({ output_tokens: expect.any(Number) });
    expect(message.response_metadata.finish_reason).toBe("stop");
  });

  it("streams an answer", async () => {
    let text = "";
    for await (const part of await chat().stream(typed)) text += part.text;
    expect(text).not.toBe("");
  });

  it("hands on what the adapter takes", async () => {
    const model = chat({ modelKwargs: { medadapter: { k: 3, abstain: { target_error: 0.05 } } } });
    const message = await model.invoke(typed);
    // Nothing can promise 5 % for a replay: it abstains, in the configured sentence.
    const whole = await chat().invoke(typed);
    expect(message.text).not.toBe(whole.text);
  });

  it("throws what is refused", async () => {
    await expect(chat({ model: "no-such-model" }).invoke(typed)).rejects.toMatchObject({
      status: 404,
    });
  });

  it("tries again what may pass", async () => {
    await service.replay.fail("429", 3);
    expect((await chat({ maxRetries: 3 }).invoke(typed)).text).not.toBe("");
  });

  it("keeps to its time-out, and stops on demand", async () => {
    await service.replay.fail("hang-before-headers");
    await expect(chat({ timeout: 300 }).invoke(typed)).rejects.toThrow();
    const signal = AbortSignal.timeout(300);
    await expect(chat().invoke(typed, { signal })).rejects.toThrow();
  });
});
