/** `npm run deploy`: makes what the account lacks, deploys, looks at the result. Runs scripts/deploy/main.ts under Node 22. */
import { runUnderNode22 } from "./lib/node22.mjs";
import { ensurePackages, SetupError, say } from "./lib/setup.mjs";

try {
  ensurePackages();
  process.exitCode = await runUnderNode22("scripts/deploy/main.ts", process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
