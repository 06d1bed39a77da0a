/** The ONNX engine in workerd, where WebAssembly can only be imported as a compiled module. */
import ortModule from "onnxruntime-web/ort-wasm-simd-threaded.wasm";
import { type Bundle, contentOf, type Verified } from "../../bundle.ts";
import type { Engine } from "../../engine.ts";
import { startOnnxEngine } from "./engine.ts";

/** Starts an engine on a bundle verified with role `onnx` kept. */
export function startEngine(bundle: Verified<Bundle>): Promise<Engine> {
  return startOnnxEngine(ortModule, contentOf(bundle, "onnx"), bundle.manifest);
}
