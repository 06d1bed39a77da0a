/** Rankers that hold nothing, of versions whose manifests say what they would hold. */

import type { Ranker } from "../../../src/adapter/ranker.ts";
import { fail, ok } from "../../../src/adapter/result.ts";
import { pause } from "../../../src/net/sharedWork.ts";
import { type LoadRanker, RankerShelf } from "../../../src/worker/adapters/shelf.ts";
import { memoryBundleStore } from "../../adapter/memoryBundleStore.ts";
import { sampleManifest } from "../../adapter/sampleManifest.ts";

/** Each of these is estimated to hold 33.5 MB, like models/mini. */
const SIMD_BYTES = 23_102_144;

/** In a test no work is ended with its request. */
export const waitUntil = (): void => {};

export interface FakeRanker extends Ranker {
  /** Questions under way. */
  busy: number;
  retired: boolean;
}

/** A shelf of fake rankers. Versions that begin with `bad` are refused. */
export function fakeShelf(heapBytes: number, versions: readonly string[]) {
  const simd = { path: "encoder.bin", role: "simd", bytes: SIMD_BYTES, sha256: "0".repeat(64) };
  const objects = new Map(
    versions.map((version) => {
      const files = [...sampleManifest.files, simd];
      const text = JSON.stringify({ ...sampleManifest, version, files });
      return [`adapters/mini/${version}/manifest.json`, new TextEncoder().encode(text)] as const;
    }),
  );
  const store = memoryBundleStore(objects);
  const loaded: string[] = [];
  const rankers = new Map<string, FakeRanker>();
  const load: LoadRanker = async (_, { version }) => {
    loaded.push(version);
    await pause(5);
    if (version.startsWith("bad")) return fail({ kind: "self_test_failed", vector: 0 });
    const ranker: FakeRanker = {
      manifest: { ...sampleManifest, version },
      busy: 0,
      retired: false,
      open: () => fail({ kind: "retired" }),
      load: () => ({ held: ranker.busy, waiting: 0, heapBytes: 0 }),
      refusal: () => null,
      fault: () => null,
      retire: async () => {
        while (ranker.busy > 0) await pause(5);
        ranker.retired = true;
      },
    };
    rankers.set(version, ranker);
    return ok(ranker);
  };
  const shelf = new RankerShelf({ store, adapter: "mini", load, heapBytes });
  const ranker = (version: string) => {
    const found = rankers.get(version);
    if (found === undefined) throw new Error(`${version} was not loaded`);
    return found;
  };
  return { store, shelf, loaded, ranker };
}
