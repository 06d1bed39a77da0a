/**
 * `npm run conformance`: the service against LLM servers that others wrote. Runs scripts/conformance/main.ts under
 * Node 22.
 */
import { runUnderNode22 } from "./lib/node22.mjs";
import { ensurePackages, SetupError, say } from "./lib/setup.mjs";

try {
  ensurePackages();
  process.exitCode = await runUnderNode22("scripts/conformance/main.ts", process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
