/** `npm run eval`: sets up what is missing, then hands over to Python, which splits, measures and asks scripts/core.ts. */
import { join } from "node:path";
import { runAndWait } from "./lib/node22.mjs";
import { ensurePackages, ensurePages, ensurePython, root, SetupError, say } from "./lib/setup.mjs";

/** Takes `--python PATH` out of the arguments; the Python named, or null. */
function takePython(args) {
  const at = args.findIndex((arg) => arg === "--python" || arg.startsWith("--python="));
  if (at < 0) return null;
  const [option, value] = args.splice(at, args[at] === "--python" ? 2 : 1);
  return option === "--python" ? (value ?? "") : option.slice("--python=".length);
}

try {
  const args = process.argv.slice(2);
  ensurePackages();
  // The Worker of `--engine worker` serves pages too.
  if (args.some((arg) => arg.includes("worker"))) ensurePages();
  // A Python that the user names needs no set-up of ours.
  const python = takePython(args) ?? process.env.PYTHON_VENV ?? ensurePython();
  process.exitCode = await runAndWait(python, ["-m", "medadapter_train.cli.eval", ...args], {
    // Paths are meant from where the command was given.
    cwd: process.env.INIT_CWD ?? process.cwd(),
    extra: { PYTHONPATH: join(root, "scripts", "train") },
  });
} catch (error) {
  if (error.code === "ENOENT") say("eval: there is no such Python; name one by --python");
  else if (error instanceof SetupError) say(error.message);
  else throw error;
  process.exitCode = 1;
}
