/** What onnxruntime-web keeps to. Measured on the recorded examples, then about doubled. */
import type { Tolerances } from "./paritySuite.ts";

export const ortWebTolerances: Tolerances = {
  int8: { most: 0.6, rms: 0.1, margin: 0.5 },
  torch: { most: 0.6, rms: 0.1, margin: 0.5 },
};
