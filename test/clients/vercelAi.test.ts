/** Vercel's AI SDK against `/v1/chat/completions`, plain and streaming. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, type LanguageModel, RetryError, streamText } from "ai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Service, startService, typed } from "./service.ts";

let service: Service;
let model: LanguageModel;
let provider: ReturnType<typeof createOpenAICompatible>;

beforeAll(async () => {
  service = await startService();
  const baseURL = `${service.url}/v1`;
  provider = createOpenAICompatible({ name: "medadapter", baseURL, includeUsage: true });
  model = provider("replay");
});

beforeEach(() => service.replay.reset());
afterAll(() => service?.stop());

describe("the AI SDK", () => {
  it("gets an answer with usage", async () => {
    const { text, finishReason, usage } = await generateText({ model, prompt: typed });
    expect(text).not.toBe("");
    expect(finishReason).toBe("stop");
    expect(usage.inputTokens).toBeGreaterThan(0);
    expect(usage.outputTokens).toBeGreaterThan(0);
  });

  it("streams the same answer", async () => {
    const plain = await generateText({ model, prompt: typed, seed: 7 });
    const stream = streamText({ model, prompt: typed, seed: 7 });
    let text = "";
    for await (const part of stream.textStream) text += part;
    expect(text).toBe(plain.text);
    expect(await stream.finishReason).toBe("stop");
    expect((await stream.usage).outputTokens).toBeGreaterThan(0);
  });

  it("hands on what the adapter takes", async () => {
    const providerOptions = { medadapter: { medadapter: { k: 3, strategy: "vote" } } };
    const { response } = await generateText({ model, prompt: typed, providerOptions });
    expect(response.body).toMatchObject({ medadapter: { strategy: "vote", k: 3 } });
  });

  it("throws its own error for what is refused, and does not try that again", async () => {
    const refused = generateText({ model: provider("no-such-model"), prompt: typed });
    await expect(refused).rejects.toSatisfy(
      (error) => APICallError.isInstance(error) && error.statusCode === 404 && !error.isRetryable,
    );
  });

  it("tries again what may pass", async () => {
    await service.replay.fail("500", 3);
    const { text } = await generateText({ model, prompt: typed, maxRetries: 3 });
    expect(text).not.toBe("");
  });

  it("gives up when it does not pass", async () => {
    await service.replay.fail("500");
    const failing = generateText({ model, prompt: typed, maxRetries: 1 });
    await expect(failing).rejects.toSatisfy((error) => RetryError.isInstance(error));
  });

  async function streamed(fault: string): Promise<{ text: string; errors: unknown[] }> {
    await service.replay.fail(fault);
    const errors: unknown[] = [];
    const onError = ({ error }: { error: unknown }) => void errors.push(error);
    const stream = streamText({ model, prompt: typed, maxRetries: 0, onError });
    let text = "";
    for await (const part of stream.textStream) text += part;
    return { text, errors };
  }

  it("streams the best of what came where the LLM's stream is cut", async () => {
    const { text, errors } = await streamed("cut-stream");
    expect(text).not.toBe("");
    expect(errors).toEqual([]);
  });

  it("sees a fault after the first byte as an error", async () => {
    const { text, errors } = await streamed("500");
    expect(text).toBe("");
    expect(errors).toHaveLength(1);
  });

  it("can be told to stop", async () => {
    await service.replay.fail("hang-before-headers");
    const abortSignal = AbortSignal.timeout(300);
    const asked = generateText({ model, prompt: typed, abortSignal, maxRetries: 0 });
    await expect(asked).rejects.toThrow();
  });
});
