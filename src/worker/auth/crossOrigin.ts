/** Browsers of other origins (CORS, from a configured list) and the security headers of every response. No cookies. */

import { every } from "hono/combine";
import { cors } from "hono/cors";
import { secureHeaders } from "hono/secure-headers";
import type { AppEnv } from "../wiring/parts.ts";

const EXPOSED = [
  "x-request-id",
  "server-timing",
  "retry-after",
  "idempotent-replayed",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
];
const PREFLIGHT_SECONDS = 600;

/** For all routes; answers a browser's preflight itself. */
export function crossOrigin() {
  return every(
    secureHeaders(),
    cors({
      origin: (origin, c) => {
        const setup = (c as { get(name: "setup"): AppEnv["Variables"]["setup"] }).get("setup");
        return setup.ok && setup.parts.config.access.corsOrigins.includes(origin) ? origin : null;
      },
      allowMethods: ["GET", "POST", "DELETE"],
      exposeHeaders: EXPOSED,
      maxAge: PREFLIGHT_SECONDS,
    }),
  );
}
