/** The client's connection behind a request: whether it has left, and how to cut it. */
import type { HttpBindings } from "@hono/node-server";
import type { Stats } from "./stats.ts";

export interface Connection {
  /** Fires when the client leaves before its response is whole. */
  readonly gone: AbortSignal;
  readonly cut: () => void;
}

/** Follows one request to its end and counts it. */
export function watchConnection({ outgoing }: HttpBindings, stats: Stats): Connection {
  const gone = new AbortController();
  let cutByUs = false;
  stats.begin();
  outgoing.once("close", () => {
    const early = !outgoing.writableFinished;
    stats.end(early && !cutByUs);
    if (early) gone.abort();
  });
  return {
    gone: gone.signal,
    cut: () => {
      cutByUs = true;
      outgoing.destroy();
    },
  };
}
