/** `npm run keys -- create | list | revoke`: API keys in Workers KV. Runs scripts/keys/main.ts under Node 22. */
import { runUnderNode22 } from "./lib/node22.mjs";
import { ensurePackages, SetupError, say } from "./lib/setup.mjs";

try {
  ensurePackages();
  process.exitCode = await runUnderNode22("scripts/keys/main.ts", process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
