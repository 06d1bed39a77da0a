/**
 * `npm run doctor`: what this machine has of what the project needs, what is missing and how to mend it. Changes
 * nothing. Begins on Node built-ins, so that it runs where nothing is installed yet: `node scripts/doctor.mjs`.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkAccount, checkLlm } from "./doctor/account.mjs";
import { checkMachine } from "./doctor/machine.mjs";
import { readOptions, usage } from "./doctor/options.mjs";
import { table } from "./doctor/table.mjs";
import { root } from "./lib/stamps.mjs";

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const rows = await checkMachine();
  const ready = existsSync(join(root, "node_modules", "wrangler"));
  if (options.account) {
    rows.push(...(ready ? await checkAccount(options.env) : [noPackages("account")]));
  }
  const llm = options.llm ? (ready ? await checkLlm() : [noPackages("LLM")]) : [];
  if (options.json) process.stdout.write(`${JSON.stringify([...rows, ...llm])}\n`);
  else
    process.stdout.write(table(rows) + (llm.length === 0 ? "" : `\n${table(llm, "the service")}`));
  rows.push(...llm);
  // What only some commands need is told, but fails nobody.
  return rows.some(({ state }) => state === "missing") ? 1 : 0;
}

const noPackages = (what) => ({
  what,
  state: "missing",
  found: "cannot be asked before the npm packages are there",
  fix: "npm ci",
});

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`npm run doctor: ${error.message}\n`);
  process.exitCode = 2;
}
