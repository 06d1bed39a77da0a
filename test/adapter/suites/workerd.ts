/** The suites' surroundings in workerd: files come through a service binding (serveFile.node.ts). */
import { env } from "cloudflare:workers";
import { startEngine } from "../../../src/adapter/engines/onnx/workerd.ts";
import { startEngine as startSimd } from "../../../src/adapter/engines/simd/workerd.ts";
import type { Surroundings } from "./surroundings.ts";

const files = (env as unknown as { readonly FILES: Fetcher }).FILES;

async function get(path: string): Promise<Response | null> {
  const response = await files.fetch(`http://files/${path}`);
  return response.ok ? response : null;
}

async function text(path: string): Promise<string> {
  const response = await get(path);
  if (response === null) throw new Error(`no file ${path}`);
  return response.text();
}

export const inWorkerd: Surroundings = {
  engine: "ort-web",
  bundle: {
    async read(path) {
      const response = await get(`bundle/${path}`);
      return response === null ? null : new Uint8Array(await response.arrayBuffer());
    },
  },
  fixture: (name) => text(`fixtures/${name}`),
  recorded: (name) => text(`recorded/${name}`),
  startEngine,
  roles: ["onnx", "tokenizer"],
};

/** The same with our own engine. */
export const inWorkerdWithSimd: Surroundings = {
  ...inWorkerd,
  engine: "simd",
  startEngine: startSimd,
  roles: ["simd", "tokenizer"],
};
