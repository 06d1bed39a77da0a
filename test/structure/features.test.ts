/**
 * A feature can be taken out: from a copy of the tree we delete its folder, its tests and its lines in the files named
 * here. What is left compiles, keeps to the rules of imports, and passes the unit tests of the Worker.
 */
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

/** What is deleted with each feature: lines that match, and blocks of wrangler.toml that name one of `bindings`. */
const features = [
  {
    name: "batches",
    folder: "batches",
    lines: /"\.\/batches\/|\bbatchRoutes\(|^ {2}batches,/u,
    bindings: ["BATCHES", "BatchObject", "medadapter-batches", "medadapter-workers-ai-batches"],
  },
  {
    name: "feedback",
    folder: "feedback",
    lines: /"\.\/feedback\/|\bfeedbackRoutes\(|^ {2}feedback,/u,
    bindings: ["*/10 * * * *"], // the clock, which nothing else needs
  },
  {
    name: "trial channels",
    folder: "adapters/trial",
    lines: /"\.\/adapters\/trial\/|^ {2}trial,/u,
    bindings: ["GUARD", "GuardObject"],
  },
] as const;

/** The only files outside the feature's folders that are edited, and how many lines go from each at most. */
const edited = { "app.ts": 2, "features.ts": 2, "objects.ts": 1 } as const;

describe.each(features)("without $name", ({ folder, lines, bindings }) => {
  let copy: string;
  const inCopy = (command: string, ...args: string[]) =>
    run(join(root, "node_modules", ".bin", command), args, {
      cwd: copy,
      maxBuffer: 16 * 2 ** 20,
    }).catch((failed: { stdout?: string; stderr?: string }) => {
      throw new Error(`${command} failed:\n${failed.stdout ?? ""}${failed.stderr ?? ""}`);
    });

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), "without-"));
    const left = new Set([".git", ".venv", ".wrangler", "dist", "node_modules", "runs"]);
    for (const entry of readdirSync(root)) {
      if (!left.has(entry)) cpSync(join(root, entry), join(copy, entry), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    rmSync(join(copy, "src", "worker", folder), { recursive: true });
    rmSync(join(copy, "test", "worker", folder), { recursive: true, force: true });
    for (const [file, most] of Object.entries(edited)) {
      const path = join(copy, "src", "worker", file);
      const before = readFileSync(path, "utf8").split("\n");
      const after = before.filter((line) => !lines.test(line));
      expect(before.length - after.length).toBeLessThanOrEqual(most);
      writeFileSync(path, after.join("\n"));
    }
    const toml = join(copy, "wrangler.toml");
    const blocks = readFileSync(toml, "utf8").split("\n\n");
    const isIts = (block: string) => bindings.some((name) => block.includes(`"${name}`));
    writeFileSync(toml, blocks.filter((block) => !isIts(block)).join("\n\n"));
  }, 120_000);
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it("no module misses it", () => inCopy("tsc", "--noEmit"), 120_000);

  it(
    "the Worker's unit tests pass",
    () => inCopy("vitest", "run", "--project", "unit", "test/worker"),
    300_000,
  );

  it(
    "the Worker can be built",
    () => inCopy("wrangler", "deploy", "--dry-run", "--outdir", join(copy, "dist-dry")),
    120_000,
  );
});
