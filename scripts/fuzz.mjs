/** `npm run fuzz`: the properties of test/fuzz and of features (fuzz.test.ts) with a million inputs or more, and what each of them took. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandLine } from "./lib/commandLine.mjs";
import {
  childEnvironment,
  ensurePackages,
  ensurePython,
  root,
  SetupError,
  say,
} from "./lib/setup.mjs";

const usage = `npm run fuzz -- [--inputs N] [--seed N]
  --inputs N  for all properties together; a million by default
  --seed N    a seed that failed fails again; by default a new one, which is printed
Exit code 1 where a property does not hold.`;
const values = commandLine(usage, {
  inputs: { type: "string", default: "1000000" },
  seed: { type: "string" },
});

function summary(file) {
  const text = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  const rows = text === "" ? [] : text.split("\n").map((line) => JSON.parse(line));
  for (const { name, inputs, seconds, failed } of rows) {
    const verdict = failed ? "FAILED" : "held";
    console.log(
      `${String(inputs).padStart(8)} ${seconds.toFixed(1).padStart(7)} s  ${verdict}  ${name}`,
    );
  }
  const inputs = rows.reduce((sum, row) => sum + row.inputs, 0);
  const failed = rows.filter((row) => row.failed).length;
  console.log(
    `${inputs} inputs, ${rows.length} properties, ${failed} failed, seed ${rows[0]?.seed}`,
  );
}

try {
  ensurePackages();
  const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
  const folder = mkdtempSync(join(tmpdir(), "medadapter-fuzz-"));
  const report = join(folder, "properties.jsonl");
  const env = childEnvironment({
    FUZZ_INPUTS: values.inputs,
    FUZZ_SEED: seed,
    FUZZ_REPORT: report,
    // One property asks Python as well.
    PYTHON_VENV: process.env.PYTHON_VENV ?? ensurePython(),
  });
  // Features keep the fuzzing of their own readers in their test folder.
  const projects = ["--project", "tools", "--project", "unit"];
  const args = ["run", ...projects, "test/fuzz/", "/fuzz.test.ts"];
  const { status } = spawnSync("vitest", args, { cwd: root, env, stdio: "inherit" });
  summary(report);
  rmSync(folder, { recursive: true });
  process.exitCode = status ?? 1;
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
