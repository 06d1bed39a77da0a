/** `npm run conformance`, under Node 22: each server in turn, with a Worker of its own in front of it. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  bundleDir,
  configPath,
  endStack,
  root,
  startWorker,
  temporaryFolder,
} from "../lib/localStack.ts";
import { seedAdapter } from "../lib/seed.mjs";
import { type Bench, Differs } from "./asking.ts";
import { type Check, checks } from "./checks.ts";
import { Installed } from "./install.ts";
import { page, type Result, terminal } from "./report.ts";
import { families, type ServerFamily } from "./servers.ts";
import { Tap } from "./tap.ts";

const usage = `npm run conformance -- [SERVER ...] [--write]
Asks real LLM servers through the Worker and checks what comes back. Installs them on first use, from Python packages,
into .conformance (about 4 GB with PyTorch).
  SERVER   some of: ${families.map(({ name }) => name).join(", ")} (default: all)
  --write  write the results into docs/compat.md
Exit code: 0 all is as it should be, 1 something differs, 2 wrong options.`;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Runs every check against one server. */
async function runFamily(family: ServerFamily, installed: Installed): Promise<Result[]> {
  const folder = temporaryFolder();
  try {
    const server = await family.start(installed, join(folder, `${family.name}.log`));
    const tap = await Tap.start(server.origin);
    const models = [server.model, server.unknownModel, server.limitedModel];
    const persistTo = join(folder, "state");
    await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
    const worker = await startWorker(folder, {
      LLM_BASE_URL: tap.url,
      LLM_MODEL: models.filter((name) => name !== null).join(","),
      LLM_API_KEY: server.apiKey ?? "",
      CONTENT_SECRET: randomBytes(32).toString("hex"),
    });
    const results: Result[] = [];
    for (const check of checks) {
      const result = await runCheck(check, { worker, server, tap });
      results.push(result);
      process.stdout.write(terminal(result));
    }
    tap.stop();
    return results;
  } finally {
    await endStack(folder);
  }
}

async function runCheck(check: Check, bench: Bench): Promise<Result> {
  try {
    const seen = await check.run(bench);
    return { check: check.name, state: seen === null ? "none" : "ok", seen: seen ?? "" };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const seen = error instanceof Differs ? error.message : `${error.name}: ${error.message}`;
    return { check: check.name, state: "differs", seen };
  }
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { write: { type: "boolean", default: false }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    say(usage);
    return 0;
  }
  const unknown = positionals.filter((name) => families.every((family) => family.name !== name));
  if (unknown.length > 0) throw new Error(`there is no server ${unknown.join(", ")}\n${usage}`);
  const chosen = families.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  const installed = new Installed(root, say);
  const all: { family: ServerFamily; results: Result[] }[] = [];
  for (const family of chosen) {
    say(`\n${family.name}: ${family.what}`);
    const results = await runFamily(family, installed);
    all.push({ family, results });
  }
  if (values.write) {
    const path = join(root, "docs", "compat.md");
    writeFileSync(path, page(readFileSync(path, "utf8"), all));
    say(`\nWritten: docs/compat.md`);
  }
  return all.some(({ results }) => results.some(({ state }) => state === "differs")) ? 1 : 0;
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    say(`npm run conformance: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 2;
  }
  process.exit();
}
