/** `npm run rerank-server`: a /rerank server on a bundle's own engine. Runs scripts/rerank-server/main.ts under Node 22. */
import { runUnderNode22 } from "./lib/node22.mjs";
import { ensurePackages, SetupError, say } from "./lib/setup.mjs";

try {
  ensurePackages();
  process.exitCode = await runUnderNode22("scripts/rerank-server/main.ts", process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
