/**
 * The Worker with our own engine alone: a script that is 14 MB smaller than `index.ts`. A bundle without `encoder.bin`
 * is refused, and a runtime without relaxed SIMD answers by vote. Choose it in wrangler.toml (`main`).
 */
import { startEngine as startSimd } from "../adapter/engines/simd/workerd.ts";
import { partsWith } from "./makeParts.ts";
import { createWorker } from "./worker.ts";

export * from "./objects.ts";

export default createWorker(
  partsWith({ name: "simd", roles: ["simd"], streams: true, start: startSimd }),
);
