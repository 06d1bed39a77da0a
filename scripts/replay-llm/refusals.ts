/** Faults that stand in place of a completion. */
import type { Context } from "hono";
import { pause } from "../../src/net/sharedWork.ts";
import { errorBody } from "./completion.ts";
import type { Failure } from "./failures.ts";

/** A 500 that SDKs are told not to retry: the next try would be another candidate's. */
export function finalServerError(c: Context): Response {
  c.header("x-should-retry", "false");
  return c.json(errorBody("The server had an error", "server_error", null), 500);
}

/**
 * The response of a fault that comes before any completion; null: this fault lets one begin.
 * @param n choices asked for
 * @param gone fires when the client leaves
 */
export async function refusal(
  c: Context,
  { mode, retryAfterSeconds }: Failure,
  n: number,
  gone: AbortSignal,
): Promise<Response | null> {
  switch (mode) {
    case "401":
      return c.json(
        errorBody("Incorrect API key provided", "invalid_request_error", "invalid_api_key"),
        401,
      );
    case "429-retry-after":
    case "429":
      if (mode === "429-retry-after") c.header("Retry-After", String(retryAfterSeconds));
      return c.json(errorBody("Rate limit reached", "requests", "rate_limit_exceeded"), 429);
    case "500":
      return c.json(errorBody("The server had an error", "server_error", null), 500);
    case "refuse-n":
      if (n === 1) return null;
      return c.json(errorBody("'n' : must be at most 1", "invalid_request_error", null, "n"), 400);
    case "hang-before-headers":
      await pause(2 ** 31 - 1, gone);
      return c.body(null);
    case "garbage":
      return c.body("\u0000\u0001 upstream said nothing of use {{{\n".repeat(20), 200, {
        "content-type": "text/event-stream",
      });
    case "redirect":
      return c.redirect("/__replay/redirected", 302);
    default:
      return null;
  }
}
