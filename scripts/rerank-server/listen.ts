/** Loads a bundle and puts its server on a port. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { loadEncoder } from "../../src/adapter/load.ts";
import { verifyForNode } from "../lib/verifyForNode.ts";
import { rerankApp } from "./app.ts";
import { PairScorer } from "./pairScorer.ts";

export interface RerankServerOptions {
  readonly bundle: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly apiKey: string | null;
}

export interface RunningRerankServer {
  readonly url: string;
  readonly port: number;
  /** `name@version`. */
  readonly model: string;
  readonly engine: "simd" | "ort-web";
  close(): Promise<void>;
}

/** @throws Error that names what is wrong with the bundle, or with code EADDRINUSE where the port is taken */
export async function startRerankServer(
  options: RerankServerOptions,
): Promise<RunningRerankServer> {
  const { scorer, model, engine } = await load(options.bundle);
  const app = rerankApp({ scorer, model, apiKey: options.apiKey });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}`,
    port,
    model,
    engine,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function load(folder: string) {
  const found = await verifyForNode(folder);
  if (!found.ok) throw new Error(`the bundle was refused: ${found.failure.kind}`);
  const { bundle, engine, start } = found.value;
  const { manifest } = bundle;
  const encoder = await loadEncoder(bundle, start);
  if (!encoder.ok) throw new Error(`the bundle cannot run: ${encoder.failure.kind}`);
  return {
    scorer: new PairScorer({ manifest, ...encoder.value }),
    model: `${manifest.name}@${manifest.version}`,
    engine,
  };
}
