/**
 * Workers AI's event stream in OpenAI's form. Most of its models send `{"response": "...", "usage"?}` until
 * `[DONE]`; newer ones send OpenAI's chunks, which pass as they are.
 */
import { MAX_EVENT_BYTES } from "../openai/guardedFetch.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Thrown into a stream whose line is over the limit. */
class LineTooLong extends Error {
  override readonly name = "LineTooLong";
}

/** @param maxTokens the limit that was asked for: only the count tells that a candidate was cut there */
export function openAIEvents(maxTokens: number | null): TransformStream<Uint8Array, Uint8Array> {
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
    return line; // not ours to mend: the reader names it
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
  // How it ended is not said otherwise: with a count below the limit, `[DONE]` tells that it is whole.
  const cut = typeof spent === "number" && maxTokens !== null && spent >= maxTokens;
  return {
    object: "chat.completion.chunk",
    choices: [
      { index: 0, delta: { content: String(content) }, finish_reason: cut ? "length" : null },
    ],
    ...(usage ? { usage } : {}),
  };
}
