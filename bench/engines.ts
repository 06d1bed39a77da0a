/** The parts `engines` and `sweeps`: every engine started once, then all of them in turns. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { seedAdapter } from "../scripts/lib/seed.mjs";
import { say } from "./machine.ts";
import { nativeSubject } from "./native.ts";
import { againstNative, targets, type WorkerFigures } from "./report.ts";
import { measureAll } from "./rounds.ts";
import { type Job, modes, type Row, sizes, sweepSizes } from "./rows.ts";
import type { Setting } from "./setting.ts";
import type { Subject } from "./subject.ts";
import { sweepTable, table } from "./tables.ts";
import { transformersJsSubject } from "./transformersJs.ts";
import { type Bench, workerdSubject } from "./workerd.ts";

const coldStarts = 3;

/** Which engines the bundle has files for. */
function enginesOf(bundle: string): string[] {
  const manifest = JSON.parse(readFileSync(join(bundle, "manifest.json"), "utf8"));
  const roles: string[] = manifest.files.map((file: { role: string }) => file.role);
  return ["ort-web", ...(roles.includes("simd") ? ["simd"] : []), "ort-native", "transformers.js"];
}

/** What `engines` and `sweeps` measured, and their text. */
export async function measureEngines(setting: Setting) {
  const { root, bundle, persistTo, python, parts } = setting;
  say("Putting the adapter into local R2 ...");
  const seeded = await seedAdapter({
    bundleDir: bundle,
    persistTo,
    configPath: join(root, "bench", "wrangler.toml"),
    channel: "stable",
  });
  const bench: Bench = { root, persistTo, adapter: seeded.name, version: seeded.version };
  const subjects: Subject[] = [];
  try {
    for (const engine of setting.engines ?? enginesOf(bundle)) {
      say(`Starting ${engine} ...`);
      if (engine === "ort-native") subjects.push(nativeSubject(root, python, bundle));
      else if (engine === "transformers.js") {
        subjects.push(await transformersJsSubject(root, python, persistTo));
      } else subjects.push(await workerdSubject(bench, engine, coldStarts));
    }
    const rows: Row[] = [];
    const texts: string[] = [];
    if (parts.includes("engines")) {
      const jobs = sizes.flatMap((size) => modes.map((mode) => ({ ...size, mode })));
      const measured = await measureAll(subjects, jobs, seeded.name, setting.repetitions);
      rows.push(...measured);
      texts.push(await report(measured, subjects));
    }
    const sweeps = parts.includes("sweeps")
      ? await measureAll(sweeping(subjects), sweepJobs, seeded.name, setting.repetitions)
      : [];
    if (sweeps.length > 0) texts.push(sweepTable(sweeps));
    return { rows, sweeps, text: texts.join("\n\n") };
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()));
  }
}

const sweepJobs: Job[] = sweepSizes.flatMap((size) =>
  (["ranking", "cross-ranking"] as const).map((mode) => ({ ...size, mode })),
);

/** Ours ranks on shared prefixes; the others show what the cross-encoder's way costs. */
function sweeping(subjects: readonly Subject[]): Subject[] {
  return subjects.map((subject) => ({
    ...subject,
    modes: subject.engine === "simd" ? ["ranking"] : ["cross-ranking"],
  }));
}

async function report(rows: readonly Row[], subjects: readonly Subject[]): Promise<string> {
  const figures: WorkerFigures[] = [];
  for (const { engine, coldStarts: starts, fullHouse } of subjects) {
    if (starts.length === 0) continue;
    figures.push({ engine, coldStarts: starts, fullHouseMB: await fullHouse() });
  }
  const texts = [table(rows), targets(rows, figures)];
  if (subjects.some(({ engine }) => engine === "ort-native")) {
    texts.push(
      againstNative(
        rows,
        figures.map(({ engine }) => engine),
      ),
    );
  }
  return texts.join("\n\n");
}
