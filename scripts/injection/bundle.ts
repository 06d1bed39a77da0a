/** The ranker of a bundle's folder, on the engine that the Worker prefers. */
import { verifyBundle } from "../../src/adapter/bundle.ts";
import { bundleFolder } from "../../src/adapter/bundleStore.node.ts";
import { startEngine } from "../../src/adapter/engines/simd/engine.node.ts";
import { loadRanker } from "../../src/adapter/load.ts";
import type { Ranker } from "../../src/adapter/ranker.ts";

/** Throws where the bundle is refused. */
export async function loadBundle(folder: string): Promise<Ranker> {
  const bundle = await verifyBundle(bundleFolder(folder), { keep: ["simd", "tokenizer"] });
  if (!bundle.ok) throw new Error(`bundle: ${bundle.failure.kind}`);
  const ranker = await loadRanker(bundle.value, startEngine);
  if (!ranker.ok) throw new Error(`bundle: ${ranker.failure.kind}`);
  return ranker.value;
}
