/** Loads a bundle and puts its server on a port. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { verifyBundle } from "../../src/adapter/bundle.ts";
import { bundleFolder } from "../../src/adapter/bundleStore.node.ts";
import { startEngine as startOnnx } from "../../src/adapter/engines/onnx/engine.node.ts";
import { startEngine as startSimd } from "../../src/adapter/engines/simd/engine.node.ts";
import { loadEncoder } from "../../src/adapter/load.ts";
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

/** On our own engine where the bundle has its file, else on ONNX Runtime. */
async function load(folder: string) {
  const files = bundleFolder(folder);
  const packed = await verifyBundle(files, { keep: ["tokenizer", "simd"] });
  const bundle = packed.ok ? packed : await verifyBundle(files, { keep: ["tokenizer", "onnx"] });
  if (!bundle.ok) throw new Error(`the bundle was refused: ${bundle.failure.kind}`);
  const { manifest } = bundle.value;
  const encoder = await loadEncoder(bundle.value, packed.ok ? startSimd : startOnnx);
  if (!encoder.ok) throw new Error(`the bundle cannot run: ${encoder.failure.kind}`);
  return {
    scorer: new PairScorer({ manifest, ...encoder.value }),
    model: `${manifest.name}@${manifest.version}`,
    engine: packed.ok ? ("simd" as const) : ("ort-web" as const),
  };
}
