/** Requests in real workerd that share one piece of work, for test/net/flights.test.ts. */
import { pause, SingleFlight } from "../../src/net/sharedWork.ts";

const STALE_MS = 2_000;
const WORK_MS = 800;

const flight = new SingleFlight(STALE_MS);
let value: number | null = null;
let begun = 0;

async function work(): Promise<number> {
  begun += 1;
  const number = begun;
  await pause(WORK_MS);
  value = number;
  return number;
}

/**
 * `GET /begin?kept=...`: begins the work and streams until its client leaves. With `kept=yes` the work goes on then;
 * with `kept=no` it stops with its request, like work for which the platform's patience is over.
 * `GET /take`: the value, from work of its own or of another. `GET /state`: how often the work began. `/forget` it.
 */
export default {
  async fetch(request: Request, _: unknown, context: ExecutionContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const waitUntil = (promise: Promise<unknown>) => context.waitUntil(promise);
    if (pathname === "/begin") {
      const own = flight.begin(work, searchParams.get("kept") === "yes" ? waitUntil : () => {});
      return new Response(endless(), { status: own === null ? 409 : 200 });
    }
    if (pathname === "/take") {
      const got = await flight.run({ current: () => value, work, waitUntil, waitMs: 10_000 });
      return Response.json({ value: got });
    }
    if (pathname === "/forget") value = null;
    return Response.json({ begun, underWay: flight.underWay });
  },
};

/** Only a Worker that writes is told that its client has left. */
function endless(): ReadableStream<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  void write(writable.getWriter());
  return readable;
}

async function write(writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  const tick = new TextEncoder().encode("tick\n");
  for (;;) {
    await writer.write(tick);
    await pause(20);
  }
}
