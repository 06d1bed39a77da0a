/** `npm run licences`: sets up what is missing, then hands over to scripts/licences/main.ts under Node 22. */
import { runUnderNode22 } from "./lib/node22.mjs";
import {
  ensurePackages,
  ensurePython,
  ensurePythonClients,
  SetupError,
  say,
} from "./lib/setup.mjs";

try {
  const args = process.argv.slice(2);
  ensurePackages();
  // A Python named by the user needs no set-up of ours.
  const needsNone = ["--python", "--npm-only", "--help"];
  const named = process.env.PYTHON_VENV !== undefined;
  const own = named || args.some((arg) => needsNone.some((option) => arg.startsWith(option)));
  const extra = own ? {} : { PYTHON_VENV: ensurePython() };
  if (!own) ensurePythonClients();
  process.exitCode = await runUnderNode22("scripts/licences/main.ts", args, extra);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
