/** The ranker of a bundle's folder, as the Worker loads it: verified, and its self-test passed. */
import { loadRanker } from "../../src/adapter/load.ts";
import type { Ranker } from "../../src/adapter/ranker.ts";
import { verifyForNode } from "../lib/verifyForNode.ts";
import { EvalFault } from "./fault.ts";

/** Throws `EvalFault` that names what is wrong with the bundle. */
export async function openRanker(folder: string): Promise<Ranker> {
  const found = await verifyForNode(folder);
  if (!found.ok) throw new EvalFault(`the bundle was refused: ${found.failure.kind}`);
  const ranker = await loadRanker(found.value.bundle, found.value.start);
  if (!ranker.ok) throw new EvalFault(`the bundle cannot run: ${ranker.failure.kind}`);
  return ranker.value;
}
