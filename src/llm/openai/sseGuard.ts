/**
 * Watches the bytes of an event stream on their way to the SDK, which buffers an event of any size
 * and does not tell a stream that ended with `[DONE]` from one that just ended.
 */

/** Thrown into a stream whose event is over the limit. */
export class EventTooLarge extends Error {
  override readonly name = "EventTooLarge";
}

/** What passed so far. */
export interface Passed {
  bytes: number;
  sawDone: boolean;
}

const LF = 10;
const CR = 13;
const DONE_LINE = /^data: ?\[DONE\]$/u;
/** Longest line that could be the end mark. */
const DONE_LENGTH = "data: [DONE]".length;

/** @param maxEventBytes longest event (lines up to an empty one) that may pass, bytes */
export function sseGuard(
  passed: Passed,
  maxEventBytes: number,
): TransformStream<Uint8Array, Uint8Array> {
  let line = "";
  let lineBytes = 0;
  let eventBytes = 0;
  let afterCR = false;
  const endLine = () => {
    if (lineBytes === 0) eventBytes = 0;
    else if (DONE_LINE.test(line)) passed.sawDone = true;
    line = "";
    lineBytes = 0;
  };
  const step = (byte: number) => {
    if (byte === LF && afterCR) {
      afterCR = false;
      return;
    }
    afterCR = byte === CR;
    if (byte === LF || byte === CR) return endLine();
    lineBytes += 1;
    eventBytes += 1;
    if (lineBytes <= DONE_LENGTH) line += String.fromCharCode(byte);
    else line = "";
  };
  return new TransformStream({
    transform(chunk, controller) {
      passed.bytes += chunk.length;
      for (const byte of chunk) {
        step(byte);
        if (eventBytes > maxEventBytes) return controller.error(new EventTooLarge());
      }
      controller.enqueue(chunk);
    },
    flush: endLine,
  });
}
