/** `npm run injection`: sets up what is missing, then hands over to scripts/injection/main.ts under Node 22. */
import { runUnderNode22 } from "./lib/node22.mjs";
import { ensurePackages, SetupError, say } from "./lib/setup.mjs";

try {
  ensurePackages();
  process.exitCode = await runUnderNode22("scripts/injection/main.ts", process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
