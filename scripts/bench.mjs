/** `npm run bench`: sets up what is missing, then hands over to bench/main.ts under Node 22. */
import { runUnderNode22 } from "./lib/node22.mjs";
import { ensurePackages, ensurePython, SetupError, say } from "./lib/setup.mjs";

try {
  const args = process.argv.slice(2);
  ensurePackages();
  // A Python named by the user needs no set-up of ours; a service elsewhere needs none.
  const needsNone = ["--python", "--help", "--url"];
  const named = process.env.PYTHON_VENV !== undefined;
  const own = named || args.some((arg) => needsNone.some((option) => arg.startsWith(option)));
  const extra = own ? {} : { PYTHON_VENV: ensurePython() };
  process.exitCode = await runUnderNode22("bench/main.ts", args, extra);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
