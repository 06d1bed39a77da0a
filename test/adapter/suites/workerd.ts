/** The suites' surroundings in workerd: files come through a service binding (serveFile.node.ts). */
import { env } from "cloudflare:workers";
import { startEngine } from "../../../src/adapter/engines/onnx/workerd.ts";
import type { Surroundings } from "./surroundings.ts";

const files = (env as unknown as { readonly FILES: Fetcher }).FILES;

async function get(path: string): Promise<Response | null> {
  const response = await files.fetch(`http://files/${path}`);
  return response.ok ? response : null;
}

export const inWorkerd: Surroundings = {
  bundle: {
    async read(path) {
      const response = await get(`bundle/${path}`);
      return response === null ? null : new Uint8Array(await response.arrayBuffer());
    },
  },
  async fixture(name) {
    const response = await get(`fixtures/${name}`);
    if (response === null) throw new Error(`no fixture ${name}`);
    return response.text();
  },
  startEngine,
};
