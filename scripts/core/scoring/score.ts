/** The operation `score`: candidate files in, scored files out (docs/data.md), by the service's own engine and rules. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { verifyManifest } from "../../../src/adapter/bundle.ts";
import { bundleFolder } from "../../../src/adapter/bundleStore.node.ts";
import type { Manifest } from "../../../src/adapter/manifest.ts";
import { CoreFault } from "../fault.ts";
import { httpScorer } from "./httpScorer.ts";
import { nodeScorer } from "./nodeScorer.ts";
import { scoreFiles } from "./scoreFiles.ts";
import { openRanker, type Scorer } from "./scorer.ts";

const root = join(import.meta.dirname, "..", "..", "..");

export const scoreRequest = z.strictObject({
  /** `lines`: numbers of the lines to score; null: all. */
  data: z
    .array(z.strictObject({ file: z.string(), lines: z.array(z.int().positive()).nullable() }))
    .min(1),
  /** The adapter's folder. With `url` the adapter that the service has. */
  bundle: z.string(),
  engine: z.enum(["node", "worker"]),
  /** A running service; null: a local workerd. Its key is in the environment, MEDADAPTER_KEY. */
  url: z.string().nullable(),
  /** Of the Node engine; null: one for each core. */
  threads: z.int().positive().nullable(),
  /** Sizes of the K-curve. */
  ks: z.array(z.int().positive()).min(1),
  /** Folder of scored files and journals; null: runs/eval/ADAPTER@VERSION-ENGINE. */
  out: z.string().nullable(),
});
export type ScoreRequest = z.infer<typeof scoreRequest>;

/** Scores what no earlier call has scored. `files`: paths of the scored files, in the order of `data`. */
export async function score(request: ScoreRequest): Promise<{ files: string[] }> {
  const manifest = await readManifest(request.bundle);
  const { name, version } = manifest;
  const files = await scoreFiles({
    data: request.data.map(({ file }) => file),
    lines: new Map(
      request.data.flatMap(({ file, lines }) =>
        lines === null ? [] : [[file, new Set(lines)] as const],
      ),
    ),
    out: request.out ?? join(root, "runs", "eval", `${name}@${version}-${request.engine}`),
    manifest,
    engine: request.engine,
    ks: request.ks,
    openScorer: () => openScorer(request, manifest),
  });
  return { files };
}

async function readManifest(folder: string): Promise<Manifest> {
  const manifest = await verifyManifest(bundleFolder(folder), {});
  if (manifest.ok) return manifest.value;
  throw new CoreFault("bundle_refused", `the bundle was refused: ${manifest.failure.kind}`);
}

async function openScorer(
  { engine, bundle, url, threads }: ScoreRequest,
  { name, version }: Manifest,
): Promise<Scorer> {
  if (engine === "node") {
    // What is wrong with the bundle is said here once, and not by each thread.
    await (await openRanker(bundle)).retire();
    return nodeScorer(bundle, threads ?? availableParallelism());
  }
  const apiKey = process.env.MEDADAPTER_KEY ?? null;
  const target = { apiKey, adapter: name, version };
  if (url !== null) return httpScorer({ url, ...target });
  const { startLocalService } = await import("./localService.ts");
  const service = await startLocalService(bundle).catch((error: Error) => {
    // Nothing has been asked yet: there is no content that the Worker's log could hold.
    throw new CoreFault("engine_failed", error.message);
  });
  return { ...httpScorer({ url: service.url, ...target }), close: service.stop };
}
