/** Sends a completion event by event at its pace, with the transport faults that hit half way. */
import { pause } from "../../src/net/sharedWork.ts";
import type { Choice } from "./choices.ts";
import {
  chunkEvent,
  DONE_EVENT,
  type Envelope,
  errorBody,
  event,
  type Usage,
  usageEvent,
} from "./completion.ts";
import type { FailureMode } from "./failures.ts";
import { type Delivery, waitUntilDue } from "./pacing.ts";
import type { Stats } from "./stats.ts";

/** A completion about to be sent. */
export interface Transmission {
  readonly envelope: Envelope;
  readonly choices: readonly Choice[];
  readonly deliveries: readonly Delivery[];
  readonly usage: Usage;
  readonly includeUsage: boolean;
  readonly mode: FailureMode | null;
  readonly stats: Stats;
  /** Fires when the client has left. */
  readonly gone: AbortSignal;
  /** Destroys the connection. */
  readonly cut: () => void;
}

/** Time for bytes already written to reach the client before the connection is destroyed. */
export const FLUSH_MS = 30;

/** Where a fault of the middle strikes: after the first choice's end; half way where there is one. */
export function middleOf({ choices, deliveries }: Transmission): number {
  return choices.length > 1
    ? deliveries.findIndex(({ last }) => last) + 1
    : Math.floor(deliveries.length / 2);
}

/** Yields the server-sent events of a streamed completion. */
export async function* streamCompletion(sent: Transmission): AsyncGenerator<string, void> {
  const { envelope, choices, deliveries, mode, stats, gone, includeUsage } = sent;
  const startedAt = performance.now();
  const middle = middleOf(sent);
  await waitUntilDue(startedAt + (deliveries[0]?.atMs ?? 0), gone);
  const opened = new Set<Choice>();
  const open = (choice: Choice): string => {
    opened.add(choice);
    stats.choicesStarted += 1;
    return chunkEvent(envelope, choice, { kind: "opening" }, includeUsage);
  };
  if (mode !== "sequential") for (const choice of choices) yield open(choice);
  for (const [position, { atMs, choice: at, token, last }] of deliveries.entries()) {
    const choice = choices[at];
    if (choice === undefined) continue;
    if (position === middle && (yield* breakDown(sent))) return;
    await waitUntilDue(startedAt + atMs, gone);
    if (gone.aborted) return;
    if (!opened.has(choice)) yield open(choice);
    if (token !== "") {
      const data = chunkEvent(envelope, choice, { kind: "token", text: token }, includeUsage);
      stats.streamedBytes += data.length;
      yield data;
    }
    if (last) {
      if (choice.finish !== null) yield chunkEvent(envelope, choice, { kind: "end" }, includeUsage);
      stats.choicesFinished += 1;
    }
  }
  if (includeUsage) yield usageEvent(envelope, sent.usage);
  yield DONE_EVENT;
}

/** Commits the fault that this transmission meets in its middle; true: nothing follows. */
async function* breakDown({ mode, gone, cut }: Transmission): AsyncGenerator<string, boolean> {
  switch (mode) {
    case "hang-mid":
      await pause(2 ** 31 - 1, gone);
      return true;
    case "cut-stream":
      await pause(FLUSH_MS, gone);
      cut();
      return true;
    case "no-done":
      return true;
    case "malformed-sse":
      yield 'data: {"id":"chatcmpl-broken","choices":[{"index":0,"delta":{"content":\n\n';
      return false;
    case "error-event":
      yield event(errorBody("The server had an error", "server_error", null));
      return true;
    default:
      return false;
  }
}
