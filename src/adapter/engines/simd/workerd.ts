/** The engine in workerd, where WebAssembly can only be imported as a compiled module. */
import { type Bundle, contentOf, type Verified } from "../../bundle.ts";
import type { Engine } from "../../engine.ts";
import encoderModule from "./encoder.wasm";
import { startSimdEngine } from "./engine.ts";

/** Starts an engine on a bundle verified with role `simd` kept. */
export function startEngine(bundle: Verified<Bundle>): Promise<Engine> {
  return startSimdEngine(encoderModule, contentOf(bundle, "simd"), bundle.manifest.budget);
}

/** For callers that stream `encoder.bin` themselves. */
export { encoderModule };
