/** `npm test`: sets up what is missing, then runs every check there is; the first failure ends it. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import {
  childEnvironment,
  ensureChromium,
  ensurePackages,
  ensurePages,
  ensurePython,
  ensurePythonClients,
  root,
  SetupError,
  say,
} from "./lib/setup.mjs";

/** @type {{ name: string, command: string, args: string[] }[]} */
const quick = [
  { name: "types", command: "tsc", args: ["--noEmit"] },
  { name: "types of the pages", command: "tsc", args: ["--noEmit", "-p", "src/pages"] },
  { name: "lint", command: "biome", args: ["ci", "."] },
];

/** @type {{ name: string, command: string, args: string[] }[]} */
const suites = [
  { name: "unit (Node)", command: "vitest", args: ["run", "--project", "node"] },
  { name: "workerd", command: "vitest", args: ["run", "--project", "workerd"] },
  {
    name: "workerd with the engine",
    command: "vitest",
    args: ["run", "--project", "workerd-engine"],
  },
  { name: "end to end", command: "vitest", args: ["run", "--project", "e2e"] },
];

function pythonChecks(python) {
  const bin = dirname(python);
  return [
    { name: "Python lint", command: join(bin, "ruff"), args: ["check", "scripts/train", "bench"] },
    {
      name: "Python format",
      command: join(bin, "ruff"),
      args: ["format", "--check", "scripts/train", "bench"],
    },
    {
      name: "Python types",
      command: join(bin, "mypy"),
      args: ["--config-file", "scripts/train/pyproject.toml", "scripts/train/medadapter_train"],
    },
  ];
}

function pythonTests(python) {
  return { name: "Python tests", command: python, args: ["-m", "pytest", "-q", "scripts/train"] };
}

function runStep({ name, command, args }, env) {
  say(`\n── ${name}: ${[command.split("/").at(-1), ...args].join(" ")}`);
  const started = Date.now();
  const result = spawnSync(command, args, { cwd: root, env, stdio: "inherit" });
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  if (result.error) throw result.error;
  say(`── ${name}: ${result.status === 0 ? "passed" : "FAILED"} in ${seconds} s`);
  return result.status === 0;
}

try {
  ensurePackages();
  ensurePages();
  const chromium = ensureChromium();
  const python = ensurePython();
  ensurePythonClients();
  const env = childEnvironment({ PYTHON_VENV: python, CHROMIUM: chromium });
  const only = process.argv.slice(2);
  // What takes seconds comes before what takes minutes.
  const all = [...quick, ...pythonChecks(python), ...suites, pythonTests(python)];
  const chosen = only.length === 0 ? all : all.filter((step) => only.includes(step.name));
  if (chosen.length === 0)
    throw new SetupError(`no such step; there are: ${all.map((step) => step.name).join(", ")}`);
  const passed = [];
  for (const step of chosen) {
    if (!runStep(step, env)) {
      say(
        `\nnpm test: "${step.name}" failed (${passed.length} of ${chosen.length} steps passed before it).`,
      );
      process.exit(1);
    }
    passed.push(step.name);
  }
  say(`\nnpm test: all ${passed.length} steps passed.`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
