/** The engine in workerd, where WebAssembly can only be imported as a compiled module. */
import type { Bundle, Verified } from "../../bundle.ts";
import type { Engine } from "../../engine.ts";
import encoderModule from "./encoder.wasm";
import { startOnBundle } from "./engine.ts";

/** Starts an engine on a bundle verified with role `simd` kept, or left unread. */
export function startEngine(bundle: Verified<Bundle>): Promise<Engine> {
  return startOnBundle(encoderModule, bundle);
}

/** For callers that stream `encoder.bin` themselves. */
export { encoderModule };
