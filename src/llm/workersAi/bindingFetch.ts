/** The `fetch` of an OpenAI client whose chat completions Workers AI writes. */
import { type AiBinding, type AiGatewayOptions, runModel } from "../../net/aiBinding.ts";
import type { Fetch } from "../openai/guardedFetch.ts";
import { openAIEvents } from "./events.ts";

/** What Workers AI takes of a chat completion's parameters (its text generation schema). */
const PARAMETERS = ["messages", "stream", "max_tokens", "temperature", "top_p", "seed"] as const;

/** Takes POST /chat/completions with a body that the SDK made; `stop` and `user` are unknown there and left out. */
export function bindingFetch(ai: AiBinding, gateway: AiGatewayOptions | null): Fetch {
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
