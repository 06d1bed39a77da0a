/** `npm run train -- COMMAND ...`: medadapter-train in the project's own virtual environment, made on first use. `npm test` names one. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { ensurePackages, ensurePython, SetupError, say } from "./lib/setup.mjs";

try {
  ensurePackages();
  const python = process.env.PYTHON_VENV ?? ensurePython();
  const command = join(dirname(python), "medadapter-train");
  const result = spawnSync(command, process.argv.slice(2), {
    stdio: "inherit",
    cwd: process.env.INIT_CWD,
  });
  if (result.error) throw result.error;
  process.exitCode = result.status ?? 1;
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
