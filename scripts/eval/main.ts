/** `npm run eval`: candidate files in; decisions of the real core, figures and a report out. */
import { join, resolve } from "node:path";
import { CoreFault } from "../core/fault.ts";
import { score } from "../core/scoring/score.ts";
import { trainCommand } from "./measure.ts";
import { type Options, readOptions, usage } from "./options.ts";

const root = join(import.meta.dirname, "..", "..");

/** Lines of each file that are in the share, told by Python, which splits. Null: all of them. */
async function linesOf(options: Options, python: string): Promise<number[][] | null> {
  const { split, leaveOut } = options;
  if (split === "all" && leaveOut === null) return null;
  const left = leaveOut === null ? [] : ["--leave-out", leaveOut];
  const words = ["share", "--split", split, ...left, ...options.data];
  return JSON.parse(await trainCommand(python, words, false));
}

async function run(options: Options): Promise<void> {
  const python = options.python ?? process.env.PYTHON_VENV ?? "python3";
  const lines = await linesOf(options, python);
  const { bundle, engine, url, threads, ks, out } = options;
  const data = options.data.map((file, at) => ({ file, lines: lines?.[at] ?? null }));
  const { files: scored } = await score({
    data,
    bundle,
    engine,
    url,
    threads,
    ks: [...ks],
    out,
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
  if (!(error instanceof CoreFault)) throw error;
  process.stderr.write(`eval: ${error.message}\n`);
  process.exitCode = 1;
}
