/**
 * What one would write with `@huggingface/transformers` in Node: a cross-encoder of the same architecture in int8, on
 * onnxruntime-node. One thread, because a Worker has one. The weights are the base's: they change no time.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { AutoModelForSequenceClassification, env, Tensor } from "@huggingface/transformers";
import { type Job, tokenIds } from "./rows.ts";
import type { Measured, Subject } from "./subject.ts";

/** @param folder an empty folder for the model's files */
export async function transformersJsSubject(
  root: string,
  python: string,
  folder: string,
): Promise<Subject> {
  execFileSync(python, [join(root, "bench", "encoders.py"), "cross", join(folder, "cross")], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  env.allowRemoteModels = false;
  env.localModelPath = folder;
  const model = await AutoModelForSequenceClassification.from_pretrained("cross", {
    dtype: "q8",
    session_options: { intraOpNumThreads: 1, interOpNumThreads: 1 },
  });
  return {
    engine: "transformers.js",
    modes: ["cross", "cross-ranking"],
    coldStarts: [],
    fullHouse: async () => null,
    measure: async ({ mode, prefixTokens, candidateTokens, k }: Job): Promise<Measured> => {
      // All candidates in one batch, as its pipelines do.
      const count = mode === "cross" ? 1 : k;
      const inputs = batch(count, prefixTokens, candidateTokens);
      const began = performance.now();
      await model(inputs);
      const ms = performance.now() - began;
      return { ms, heapMB: process.memoryUsage.rss() / 2 ** 20 };
    },
    stop: async () => {
      await model.dispose();
    },
  };
}

/** Every row the same question and another candidate, so no row needs padding. */
function batch(count: number, prefixTokens: number, candidateTokens: number) {
  const tokens = prefixTokens + candidateTokens;
  const rows = Array.from({ length: count }, (_, i) => [
    ...tokenIds(prefixTokens, 0),
    ...tokenIds(candidateTokens, i + 1),
  ]);
  const type = Array.from({ length: tokens }, (_, i) => (i < prefixTokens ? 0 : 1));
  const tensor = (values: readonly number[]) =>
    new Tensor("int64", BigInt64Array.from(values, BigInt), [count, tokens]);
  return {
    input_ids: tensor(rows.flat()),
    attention_mask: tensor(rows.flat().map(() => 1)),
    token_type_ids: tensor(rows.flatMap(() => type)),
  };
}
