/** `npm run eval`: sets up what is missing, then hands over to scripts/eval/main.ts under Node 22. */
import { runUnderNode22 } from "./lib/node22.mjs";
import { ensurePackages, ensurePages, ensurePython, SetupError, say } from "./lib/setup.mjs";

try {
  const args = process.argv.slice(2);
  ensurePackages();
  // The Worker of `--engine worker` serves pages too.
  if (args.some((arg) => arg.includes("worker"))) ensurePages();
  // A Python named by the user needs no set-up of ours, nor does who only asks how it is called.
  const named = process.env.PYTHON_VENV !== undefined || args.length === 0;
  const own = named || args.some((arg) => arg.startsWith("--python") || arg === "--help");
  const extra = own ? {} : { PYTHON_VENV: ensurePython() };
  process.exitCode = await runUnderNode22("scripts/eval/main.ts", args, extra);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
