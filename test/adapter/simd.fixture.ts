/** The tiny encoder of `test/fixtures/simd`, for Node tests. */
import { readFile } from "node:fs/promises";
import type { EncoderInput } from "../../src/adapter/engine.ts";

export interface GoldenEntry {
  readonly prefix: readonly number[];
  readonly candidates: readonly (readonly number[])[];
  /** Float32 logits from torch. */
  readonly logits: readonly number[];
  /** The same of weights rounded to 4 bits. */
  readonly logitsOf4Bits: readonly number[];
}

const folder = new URL("../fixtures/simd/", import.meta.url);

export const limits = { prefixTokens: 96, candidateTokens: 32 };

export const tinyEncoder = async (name = "encoder.bin"): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(new URL(name, folder)));

/** The tiny encoder with weights and embeddings of 4 bits. */
export const tinyEncoder4 = () => tinyEncoder("encoder-4bit.bin");

export const golden = async (): Promise<GoldenEntry[]> =>
  JSON.parse(await readFile(new URL("golden.json", folder), "utf8"));

export const input = (ids: readonly number[]): EncoderInput => ({ ids, truncated: false });

export function standardDeviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
