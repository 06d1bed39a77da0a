/** `npm run eval`: candidate files in; decisions of the real core, figures and a report out. */
import { join, resolve } from "node:path";
import { verifyManifest } from "../../src/adapter/bundle.ts";
import { bundleFolder } from "../../src/adapter/bundleStore.node.ts";
import type { Manifest } from "../../src/adapter/manifest.ts";
import { EvalFault } from "./fault.ts";
import { httpScorer } from "./httpScorer.ts";
import { trainCommand } from "./measure.ts";
import { nodeScorer } from "./nodeScorer.ts";
import { openRanker } from "./openRanker.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { scoreFiles } from "./scoreFiles.ts";
import type { Scorer } from "./scorer.ts";

const root = join(import.meta.dirname, "..", "..");

async function readManifest(folder: string): Promise<Manifest> {
  const manifest = await verifyManifest(bundleFolder(folder), {});
  if (!manifest.ok) throw new EvalFault(`the bundle was refused: ${manifest.failure.kind}`);
  return manifest.value;
}

async function openScorer(options: Options, { name, version }: Manifest): Promise<Scorer> {
  if (options.engine === "node") {
    // Said here once, and not by each thread.
    await (await openRanker(options.bundle)).retire();
    return nodeScorer(options.bundle, options.threads);
  }
  const apiKey = process.env.MEDADAPTER_KEY ?? null;
  const target = { apiKey, adapter: name, version };
  if (options.url !== null) return httpScorer({ url: options.url, ...target });
  const { startLocalService } = await import("./localService.ts");
  const service = await startLocalService(options.bundle);
  return { ...httpScorer({ url: service.url, ...target }), close: service.stop };
}

/** Lines of each file that are in the share, told by Python, which splits. */
async function linesOf(options: Options, python: string) {
  const { split, leaveOut } = options;
  if (split === "all" && leaveOut === null) return null;
  const left = leaveOut === null ? [] : ["--leave-out", leaveOut];
  const reply = await trainCommand(
    python,
    ["share", "--split", split, ...left, ...options.data],
    false,
  );
  const lists = JSON.parse(reply) as number[][];
  return new Map(options.data.map((file, at) => [file, new Set(lists[at])]));
}

async function run(options: Options): Promise<void> {
  const python = options.python ?? process.env.PYTHON_VENV ?? "python3";
  const manifest = await readManifest(options.bundle);
  const { name, version } = manifest;
  const scored = await scoreFiles({
    data: options.data,
    out: options.out ?? join(root, "runs", "eval", `${name}@${version}-${options.engine}`),
    manifest,
    engine: options.engine,
    ks: options.ks,
    lines: await linesOf(options, python),
    openScorer: () => openScorer(options, manifest),
  });
  const outputs = [
    ...(options.json === null ? [] : ["--json", options.json]),
    ...(options.report === null ? [] : ["--report", options.report]),
  ];
  const files = scored.flatMap((file) => ["--scored", file]);
  const share = ["--split", options.split];
  await trainCommand(
    python,
    ["evaluate", "--bundle", options.bundle, ...share, ...files, ...outputs],
    true,
  );
}

/** Paths are meant from where the command was given. */
function fromCaller(options: Options): Options {
  const at = (path: string) => resolve(process.env.INIT_CWD ?? process.cwd(), path);
  const maybe = (path: string | null) => (path === null ? null : at(path));
  return {
    ...options,
    data: options.data.map(at),
    bundle: options.bundle === "models/mini" ? join(root, options.bundle) : at(options.bundle),
    json: maybe(options.json),
    report: maybe(options.report),
    out: maybe(options.out),
    leaveOut: maybe(options.leaveOut),
  };
}

// An exit, where a signal alone would leave a local workerd behind.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => {
    process.stderr.write("\neval: stopped; the same command goes on from here\n");
    process.exit(code);
  });
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") process.stdout.write(`${usage}\n`);
  else await run(fromCaller(options));
} catch (error) {
  if (!(error instanceof EvalFault)) throw error;
  process.stderr.write(`eval: ${error.message}\n`);
  process.exitCode = 1;
}
