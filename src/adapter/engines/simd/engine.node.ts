/** The engine in Node: the same WebAssembly as in workerd, compiled from its file. */
import { readFile } from "node:fs/promises";
import type { Bundle, Verified } from "../../bundle.ts";
import type { Engine } from "../../engine.ts";
import { startOnBundle } from "./engine.ts";
import { compileEncoder } from "./load.ts";

let compiled: WebAssembly.Module | null = null;

/** The compiled encoder. Throws `SimdStartError` `unsupported`. */
export async function encoderModule(): Promise<WebAssembly.Module> {
  const file = new URL("./encoder.wasm", import.meta.url);
  compiled ??= compileEncoder(new Uint8Array(await readFile(file)));
  return compiled;
}

/** Starts an engine on a bundle verified with role `simd` kept, or left unread. */
export async function startEngine(bundle: Verified<Bundle>): Promise<Engine> {
  return startOnBundle(await encoderModule(), bundle);
}
