/**
 * `npm run bench`, under Node 22: starts every engine, then measures in rounds, so that whatever else
 * the machine does falls on all of them alike.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { seedAdapter } from "../scripts/lib/seed.mjs";
import { nativeSubject } from "./native.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { againstNative, spread, table, targets, type WorkerFigures } from "./report.ts";
import { type Job, modes, type Row, sizes } from "./rows.ts";
import type { Measured, Subject } from "./subject.ts";
import { type Bench, workerdSubject } from "./workerd.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const native = "ort-native";
const coldStarts = 3;
const warmUps = 2;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Which engines the bundle has files for. */
function enginesOf(bundle: string): string[] {
  const manifest = JSON.parse(readFileSync(join(bundle, "manifest.json"), "utf8"));
  const roles: string[] = manifest.files.map((file: { role: string }) => file.role);
  return ["ort-web", ...(roles.includes("simd") ? ["simd"] : []), native];
}

async function measureAll(
  subjects: readonly Subject[],
  adapter: string,
  repetitions: number,
): Promise<Row[]> {
  const jobs: Job[] = sizes.flatMap((size) => modes.map((mode) => ({ ...size, mode })));
  const measured = new Map<string, Measured[]>();
  for (let round = -warmUps; round < repetitions; round++) {
    say(round < 0 ? "Warming up ..." : `Round ${round + 1} of ${repetitions} ...`);
    for (const job of jobs) {
      for (const subject of subjects) {
        const key = JSON.stringify([subject.engine, job]);
        measured.set(key, [...(measured.get(key) ?? []), await subject.measure(job)]);
      }
    }
  }
  return subjects.flatMap(({ engine }) =>
    jobs.map((job) => {
      const results = measured.get(JSON.stringify([engine, job])) ?? [];
      const ms = spread(results.slice(warmUps).map((result) => result.ms));
      // A heap never shrinks: from the second round on it is that of the largest size.
      const heapMB = results[0]?.heapMB ?? 0;
      return { engine, ...job, adapter, ms, heapMB };
    }),
  );
}

function machine(): string {
  const [first] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const parts = [`${first?.model.trim()}, ${cpus().length} cores`, `${memory} GiB`];
  return [...parts, `Linux ${release()}`, `Node ${process.versions.node}`, "local workerd"].join(
    "; ",
  );
}

async function bench(options: Options, persistTo: string): Promise<void> {
  const bundle = resolve(root, options.bundle);
  const engines = options.engines ?? enginesOf(bundle);
  say("Putting the adapter into local R2 ...");
  const seeded = await seedAdapter({
    bundleDir: bundle,
    persistTo,
    configPath: join(root, "bench", "wrangler.toml"),
    channel: "stable",
  });
  const setting: Bench = { root, persistTo, adapter: seeded.name, version: seeded.version };
  const subjects: Subject[] = [];
  try {
    for (const engine of engines) {
      say(`Starting ${engine} ...`);
      subjects.push(await startSubject(engine, setting, bundle, options.python));
    }
    const rows = await measureAll(subjects, seeded.name, options.repetitions);
    await publish(rows, subjects, options.json);
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()));
  }
}

async function startSubject(
  engine: string,
  setting: Bench,
  bundle: string,
  python: string | null,
): Promise<Subject> {
  if (engine !== native) return workerdSubject(setting, engine, coldStarts);
  if (python === null) throw new Error("ort-native needs --python PATH");
  return nativeSubject(root, python, bundle);
}

async function publish(
  rows: readonly Row[],
  subjects: readonly Subject[],
  json: string | null,
): Promise<void> {
  const figures: WorkerFigures[] = [];
  for (const subject of subjects.filter(({ engine }) => engine !== native)) {
    const { engine, coldStarts } = subject;
    figures.push({ engine, coldStarts, fullHouseMB: await subject.fullHouse() });
  }
  console.log(`${machine()}\n\n${table(rows)}\n\n${targets(rows, figures)}`);
  if (figures.length < subjects.length) {
    console.log(
      againstNative(
        rows,
        figures.map(({ engine }) => engine),
      ),
    );
  }
  if (json === null) return;
  const file = resolve(process.env.INIT_CWD ?? process.cwd(), json);
  writeFileSync(file, `${JSON.stringify({ machine: machine(), rows }, null, 1)}\n`);
  say(`Rows written to ${json}`);
}

const persistTo = mkdtempSync(join(tmpdir(), "medadapter-bench-"));
try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") console.log(usage);
  else await bench(options, persistTo);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  rmSync(persistTo, { recursive: true, force: true });
  // A Worker that failed while it started was never handed over, and would keep this process alive.
  process.exit();
}
