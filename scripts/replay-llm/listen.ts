/** Puts the replay on a port of this machine. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { type ReplayOptions, replayApp } from "./server.ts";

/** A replay that answers at `url` (ends in /v1, as OpenAI's SDKs want their base URL). */
export interface RunningReplay {
  readonly url: string;
  readonly port: number;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/**
 * @param port 0: any free one
 * @throws Error with code EADDRINUSE where the port is taken
 */
export async function startReplay(options: ReplayOptions, port: number): Promise<RunningReplay> {
  // Without serverOptions the adaptor makes a plain node:http server.
  const server = createAdaptorServer({ fetch: replayApp(options).fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${bound}/v1`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
