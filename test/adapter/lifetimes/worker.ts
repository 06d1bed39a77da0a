/** One place, shared by all requests of an isolate, as the ranker's places are. */
import { Admission } from "../../../src/adapter/admission.ts";
import { pause } from "../../../src/net/sharedWork.ts";

const never = new AbortController().signal;
let shared: Admission | null = null;

/**
 * `GET /hold?ms=N`: waits for the place, keeps it for N ms, tells how long it waited.
 * `GET /vanish`: takes a place or stands in the line, answers, and with that its code stops for ever.
 */
export default {
  async fetch(request: Request): Promise<Response> {
    shared ??= new Admission({ places: 1, queue: 4 }, 3000);
    const url = new URL(request.url);
    if (url.pathname === "/state") {
      return Response.json({ held: shared.held, waiting: shared.waiting });
    }
    const came = Date.now();
    const ticket = shared.enter(() => {});
    if (!ticket.ok) return new Response("overloaded", { status: 503 });
    if (url.pathname === "/vanish") return new Response("gone");
    if (!(await ticket.value.granted(never))) return new Response("dropped", { status: 500 });
    const waitedMs = Date.now() - came;
    await pause(Number(url.searchParams.get("ms")));
    ticket.value.release();
    return Response.json({ waitedMs });
  },
};
