/** A bundle's folder, verified, with the engine that can run it in Node: our own, else ONNX Runtime. */
import {
  type Bundle,
  type BundleFailure,
  type Verified,
  verifyBundle,
} from "../../src/adapter/bundle.ts";
import { bundleFolder } from "../../src/adapter/bundleStore.node.ts";
import { startEngine as startOnnx } from "../../src/adapter/engines/onnx/engine.node.ts";
import { startEngine as startSimd } from "../../src/adapter/engines/simd/engine.node.ts";
import type { StartEngine } from "../../src/adapter/load.ts";
import { ok, type Result } from "../../src/adapter/result.ts";

export interface NodeBundle {
  readonly bundle: Verified<Bundle>;
  readonly engine: "simd" | "ort-web";
  readonly start: StartEngine;
}

export async function verifyForNode(folder: string): Promise<Result<NodeBundle, BundleFailure>> {
  const files = bundleFolder(folder);
  const packed = await verifyBundle(files, { keep: ["tokenizer", "simd"] });
  if (packed.ok) return ok({ bundle: packed.value, engine: "simd", start: startSimd });
  const plain = await verifyBundle(files, { keep: ["tokenizer", "onnx"] });
  if (!plain.ok) return plain;
  return ok({ bundle: plain.value, engine: "ort-web", start: startOnnx });
}
