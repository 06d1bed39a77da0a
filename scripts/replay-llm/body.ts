/** Response bodies from generators, and the faults that hit a plain (not streamed) body half way. */

import { pause } from "../../src/net/sharedWork.ts";
import type { Transmission } from "./stream.ts";
import { FLUSH_MS } from "./stream.ts";

/** A body of these texts, made as the client reads them; ends the generator when the client leaves. */
export function bodyOf(texts: AsyncGenerator<string, void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await texts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await texts.return();
    },
  });
}

/** Yields a plain JSON body; faults of the middle leave it broken there. */
export async function* wholeBody(
  json: string,
  { mode, gone, cut }: Transmission,
): AsyncGenerator<string, void> {
  switch (mode) {
    case "hang-mid":
      yield json.slice(0, json.length / 2);
      return pause(2 ** 31 - 1, gone);
    case "cut-stream":
      yield json.slice(0, json.length / 2);
      await pause(FLUSH_MS, gone);
      return cut();
    case "no-done":
    case "malformed-sse":
    case "error-event":
      yield json.slice(0, json.length / 2);
      return;
    default:
      yield json;
  }
}
