/** `npm run licences`: every dependency's licence, of npm and of Python. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandLine } from "../lib/commandLine.mjs";
import { exceptions, isAllowed } from "./allowed.ts";
import type { Dependency } from "./dependency.ts";
import { npmDependencies } from "./npm.ts";
import { pythonDependencies } from "./python.ts";

const usage = `npm run licences -- [--all] [--npm-only] [--python PATH]
  --all          name every package; without it licences are counted, and packages named where they deserve a look
  --npm-only     not those of Python
  --python PATH  a Python with the packages of training; the project's own by default
Exit code 1 where a licence is not allowed.`;
const values = commandLine(usage, {
  all: { type: "boolean", default: false },
  "npm-only": { type: "boolean", default: false },
  python: { type: "string", default: process.env.PYTHON_VENV ?? "python3" },
});
const root = fileURLToPath(new URL("../..", import.meta.url));
const requirements = ["scripts/train/requirements.txt", "test/clients/requirements.txt"];
const dependencies: Dependency[] = [
  ...npmDependencies(root),
  ...(values["npm-only"]
    ? []
    : pythonDependencies(
        values.python,
        requirements.map((file) => join(root, file)),
      )),
];

const licenceOf = ({ name, licence }: Dependency) => exceptions[name]?.licence ?? licence ?? "none";
for (const use of ["worker", "tools", "training"] as const) {
  const some = dependencies.filter((one) => one.use === use);
  const counts = Map.groupBy(some, licenceOf);
  console.log(`${use}: ${some.length} packages`);
  for (const [licence, packages] of [...counts].toSorted(([a], [b]) => a.localeCompare(b))) {
    const named = values.all || use === "worker";
    const names = packages.map(({ name, version }) => `${name} ${version}`).join(", ");
    console.log(`  ${String(packages.length).padStart(4)} ${licence}${named ? `: ${names}` : ""}`);
  }
}
for (const [name, { licence, reason }] of Object.entries(exceptions)) {
  console.log(`exception: ${name} is taken for ${licence}: ${reason}`);
}
const refused = dependencies.filter((one) => !isAllowed(licenceOf(one), one.use));
for (const one of refused) {
  console.error(`not allowed (${one.use}): ${one.name} ${one.version}: ${licenceOf(one)}`);
}
console.log(`${dependencies.length} packages, ${refused.length} not allowed`);
process.exitCode = refused.length === 0 ? 0 : 1;
