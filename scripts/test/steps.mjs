/**
 * The steps of `npm test`: what each needs set up, and its commands. Node built-ins only, because this is read before
 * anything is installed.
 */

/**
 * @typedef {object} Step
 * @property {string} name as it is given on the command line
 * @property {string} checks one line for a human
 * @property {readonly ("packages" | "pages" | "python" | "clients" | "chromium")[]} needs what has to be set up
 * @property {readonly string[]} commands run one after another, in the repository's root; no argument holds a space
 * @property {boolean} [tests] the commands end with a line that counts tests
 */

const bin = ".venv/bin";
const project = "--config-file scripts/train/pyproject.toml";

/** @type {readonly Step[]} */
const all = [
  {
    name: "types",
    checks: "TypeScript, of the pages too",
    needs: ["packages"],
    commands: ["tsc --noEmit", "tsc --noEmit -p src/pages"],
  },
  {
    name: "lint",
    checks: "biome",
    needs: ["packages"],
    commands: ["biome ci ."],
  },
  {
    name: "structure",
    checks: "which module imports which (.dependency-cruiser.mjs)",
    needs: ["packages"],
    commands: ["depcruise src scripts test bench"],
  },
  {
    name: "unit",
    checks: "core and Worker logic, in Node",
    needs: ["packages"],
    commands: ["vitest run --project unit"],
    tests: true,
  },
  {
    name: "workerd",
    checks: "the Worker without ONNX Runtime, in workerd",
    needs: ["packages", "pages"],
    commands: ["vitest run --project workerd"],
    tests: true,
  },
  {
    name: "engine",
    checks: "adapters and engines, in workerd and in Node",
    needs: ["packages"],
    commands: ["vitest run --project engine --project engine-node"],
    tests: true,
  },
  {
    name: "tools",
    checks: "commands, documents, fuzz",
    needs: ["packages", "python"],
    commands: ["vitest run --project tools"],
    tests: true,
  },
  {
    name: "e2e",
    checks: "the Worker as `wrangler dev` runs it, clients, pages, the whole loop",
    needs: ["packages", "python", "clients", "chromium"],
    commands: ["vitest run --project e2e"],
    tests: true,
  },
  {
    name: "python",
    checks: "the training package: ruff, import-linter, mypy, pytest",
    needs: ["packages", "python"],
    commands: [
      `${bin}/ruff check scripts/train bench`,
      `${bin}/ruff format --check scripts/train bench`,
      `${bin}/lint-imports --config scripts/train/pyproject.toml`,
      `${bin}/mypy ${project} scripts/train/medadapter_train`,
      `${bin}/python -m pytest scripts/train`,
    ],
    tests: true,
  },
];

/**
 * The commands of one step.
 * @param {string} name
 * @param {{ tests?: boolean }} [which] without those that run tests, where `tests` is false
 */
export function commandsOf(name, { tests = true } = {}) {
  const commands = all.find((step) => step.name === name)?.commands ?? [];
  return tests ? commands : commands.filter((command) => !/vitest|pytest/u.test(command));
}

/** Rows run one after another, the steps of a row side by side. What takes seconds comes first. */
const order = [
  ["types"],
  ["lint"],
  ["structure"],
  ["unit"],
  ["workerd"],
  ["engine"],
  ["tools", "python"],
  ["e2e"],
];

/**
 * @param {readonly string[]} names of steps; none: all of them
 * @returns {{ rows: Step[][], unknown: string[] }} the steps in their rows, and the names that no step has
 */
export function chosenSteps(names) {
  const byName = new Map(all.map((step) => [step.name, step]));
  const unknown = names.filter((name) => !byName.has(name));
  const wanted = (name) => names.length === 0 || names.includes(name);
  const rows = order.map((row) => row.filter(wanted).map((name) => byName.get(name)));
  return { rows: rows.filter((row) => row.length > 0), unknown };
}

/** The names of all steps, each with what it checks: one a line. */
export function stepList() {
  return all.map(({ name, checks }) => `  ${name.padEnd(10)} ${checks}`).join("\n");
}
