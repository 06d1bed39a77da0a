/**
 * The Worker: wiring only. ONNX Runtime is imported here and nowhere else, so that tests without it start fast. It is
 * the fallback for bundles without `encoder.bin` and runtimes without relaxed SIMD; `light.ts` leaves it out.
 */
import { startEngine as startOnnx } from "../adapter/engines/onnx/workerd.ts";
import { startEngine as startSimd } from "../adapter/engines/simd/workerd.ts";
import { partsWith } from "./makeParts.ts";
import { createWorker } from "./worker.ts";

export * from "./objects.ts";

export default createWorker(
  partsWith(
    { name: "simd", roles: ["simd"], streams: true, start: startSimd },
    { name: "ort-web", roles: ["onnx"], start: startOnnx },
  ),
);
