/** What a bundle will hold of an isolate's 128 MB once it is loaded, told from its manifest alone. */
import { admissionDefaults } from "./admission.ts";
import type { Manifest } from "./manifest.ts";

const MIB = 2 ** 20;

/**
 * Bytes with every place of the admission taken, rather too many than too few. Held against docs/performance.md: our
 * engine with models/mini 30.9 MB measured, 33.4 here; ONNX Runtime Web 75.1 and 75.9. A bundle that runs elsewhere
 * (neither packed weights nor a graph) holds nothing here.
 */
export function heapEstimate({ files, base, budget }: Manifest): number {
  const sizeOf = (role: string) => files.find((file) => file.role === role)?.bytes;
  const values = base.layers * 2 * budget.prefixTokens * base.hidden;
  const simd = sizeOf("simd");
  // Keys and values take a byte each; working space beside the weights was 1.7 MB, and the tokenizer is in JavaScript.
  if (simd !== undefined) return simd * 1.05 + admissionDefaults.places * values + 2 * MIB;
  const onnx = sizeOf("onnx");
  // 48 MB with one place taken for a file of 23; keys and values take four bytes each, twice while they are handed over.
  return onnx === undefined ? 0 : onnx * 1.6 + admissionDefaults.places * values * 5.5;
}
