/** The ONNX engine in Node: the same WebAssembly as in workerd, compiled from the package's file. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type Bundle, contentOf, type Verified } from "../../bundle.ts";
import type { Engine } from "../../engine.ts";
import { startOnnxEngine } from "./engine.ts";

let compiled: WebAssembly.Module | null = null;

/** Starts an engine on a bundle verified with role `onnx` kept. */
export async function startEngine(bundle: Verified<Bundle>): Promise<Engine> {
  compiled ??= await compile();
  return startOnnxEngine(compiled, contentOf(bundle, "onnx"), bundle.manifest);
}

async function compile(): Promise<WebAssembly.Module> {
  const { resolve } = createRequire(import.meta.url);
  const bytes = await readFile(resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));
  // The Worker types hide Node's constructor, since workerd cannot compile bytes.
  return Reflect.construct(WebAssembly.Module, [bytes]);
}
