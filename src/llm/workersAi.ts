/**
 * The generator for Cloudflare's Workers AI. The binding gets the form of an OpenAI-compatible endpoint, so that streams,
 * retries, limits and failures are those of `openai/`. Its models know no `n`: candidates come from parallel calls.
 *
 * Most of its models send events `{"response": "...", "usage"?}` until `[DONE]`, which become OpenAI's chunks here; newer
 * ones send OpenAI's chunks, which pass as they are.
 */
import { type AiBinding, type AiGatewayOptions, runModel } from "../net/aiBinding.ts";
import type { Fields } from "../net/response.ts";
import type { Gate } from "../net/sharedWork.ts";
import type { Generator } from "./generator.ts";
import { MAX_EVENT_BYTES } from "./openai/events.ts";
import { openAIGenerator } from "./openai/generator.ts";
import type { Fetch } from "./openai/postWithRetries.ts";
import { ProviderMemory } from "./openai/providerMemory.ts";

export interface WorkersAiGeneratorOptions {
  readonly ai: AiBinding;
  /** e.g. `@cf/meta/llama-3.3-70b-instruct-fp8-fast`. */
  readonly model: string;
  readonly gateway: AiGatewayOptions | null;
  /** Bounds the calls at once, over all requests of the isolate. */
  readonly gate?: Gate;
}

/** A name that nobody looks up: no request goes there. */
const BASE_URL = "https://workers-ai.invalid/v1";

export function workersAiGenerator(options: WorkersAiGeneratorOptions): Generator {
  const { ai, gateway, model, gate } = options;
  return openAIGenerator({
    baseUrl: BASE_URL,
    apiKey: null,
    model,
    memory: new ProviderMemory({
      ...{ maxN: 1, streamUsage: false },
      drops: ["user", "reasoning_effort"],
    }),
    fetch: bindingFetch(ai, gateway),
    ...(gate === undefined ? {} : { gate }),
  });
}

/** The parameters of a chat completion that Workers AI takes (its text generation schema). */
const PARAMETERS = ["messages", "stream", "max_tokens", "temperature", "top_p", "seed"] as const;

/**
 * The `fetch` of an OpenAI client whose chat completions Workers AI writes.
 *
 * It takes POST /chat/completions with a body of ours, and leaves out `stop`, which Workers AI does not know.
 */
function bindingFetch(ai: AiBinding, gateway: AiGatewayOptions | null): Fetch {
  return async (_, init) => {
    const body = JSON.parse(String(init?.body)) as Readonly<Record<string, unknown>>;
    const signal = init?.signal ?? new AbortController().signal;
    const inputs = Object.fromEntries(
      PARAMETERS.flatMap((name) => (body[name] === undefined ? [] : [[name, body[name]]])),
    );
    const response = await runModel(ai, String(body.model), inputs, signal, gateway);
    if (!response.ok || response.body === null) return response;
    const type = response.headers.get("content-type") ?? "";
    if (!/^text\/event-stream\b/iu.test(type)) return response;
    const most = typeof body.max_tokens === "number" ? body.max_tokens : null;
    const events = response.body.pipeThrough(openAIEvents(most));
    return new Response(events, { headers: { "content-type": "text/event-stream" } });
  };
}

/** Thrown into a stream whose line is over the limit. */
class LineTooLong extends Error {
  override readonly name = "LineTooLong";
}

/** @param maxTokens the limit that was asked for: only the token count shows that a candidate was cut there */
function openAIEvents(maxTokens: number | null): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = "";
  const lines = (text: string): string =>
    text
      .split("\n")
      .map((line) => `${eventLine(line.replace(/\r$/u, ""), maxTokens)}\n`)
      .join("");
  return new TransformStream({
    transform(chunk, controller) {
      rest += decoder.decode(chunk, { stream: true });
      const end = rest.lastIndexOf("\n");
      if (end >= 0) {
        controller.enqueue(encoder.encode(lines(rest.slice(0, end))));
        rest = rest.slice(end + 1);
      }
      if (rest.length > MAX_EVENT_BYTES) controller.error(new LineTooLong());
    },
    flush(controller) {
      rest += decoder.decode();
      if (rest !== "") controller.enqueue(encoder.encode(lines(rest)));
    },
  });
}

function eventLine(line: string, maxTokens: number | null): string {
  const data = /^data: ?(.*)$/u.exec(line)?.[1];
  if (data === undefined || data === "[DONE]") return line;
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    return line; // the reader of the stream reports it
  }
  const own = ownEvent(event);
  return own === null ? line : `data: ${JSON.stringify(chunkOf(own, maxTokens))}`;
}

/** An event in Workers AI's own form. */
function ownEvent(event: unknown): Fields | null {
  if (typeof event !== "object" || event === null || "choices" in event) return null;
  return "response" in event || "usage" in event ? (event as Fields) : null;
}

function chunkOf({ response, usage }: Fields, maxTokens: number | null) {
  // A token of digits alone arrives as a number.
  const content = typeof response === "string" || typeof response === "number" ? response : "";
  const spent = (usage as Fields | null | undefined)?.completion_tokens;
  // Nothing else says how it ended. With a count below the limit, `[DONE]` means that it is whole.
  const cut = typeof spent === "number" && maxTokens !== null && spent >= maxTokens;
  return {
    object: "chat.completion.chunk",
    choices: [
      { index: 0, delta: { content: String(content) }, finish_reason: cut ? "length" : null },
    ],
    ...(usage ? { usage } : {}),
  };
}
