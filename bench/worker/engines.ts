/** The engines that run in workerd. A further one is one more entry. */
import { type Bundle, contentOf, type Verified } from "../../src/adapter/bundle.ts";
import type { Engine } from "../../src/adapter/engine.ts";
import { startEngine as startOnnx } from "../../src/adapter/engines/onnx/workerd.ts";
import { startSimdEngine } from "../../src/adapter/engines/simd/engine.ts";
import { encoderModule } from "../../src/adapter/engines/simd/workerd.ts";
import type { FileRole } from "../../src/adapter/manifest.ts";

export interface EngineEntry {
  /** The file of the bundle that it reads. */
  readonly role: FileRole;
  /** `cross`: laid out for inputs of one prefix token and the rest as candidate. */
  start(bundle: Verified<Bundle>, form: "prefix" | "cross"): Promise<Engine>;
}

export const engines: Readonly<Record<string, EngineEntry>> = {
  "ort-web": { role: "onnx", start: startOnnx },
  simd: {
    role: "simd",
    start: (bundle, form) => {
      const { budget, base } = bundle.manifest;
      const cross = { prefixTokens: 1, candidateTokens: base.maxPositions - 1 };
      const limits = form === "cross" ? cross : budget;
      return startSimdEngine(encoderModule, contentOf(bundle, "simd"), limits);
    },
  },
};
