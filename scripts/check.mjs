/**
 * `npm run check`: whether a change holds, in seconds. Types, lint and structure of everything; the unit tests that
 * import what changed; ruff and mypy where Python changed. `npm test` is still the whole.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { commandLine } from "./lib/commandLine.mjs";
import { childEnvironment, root, SetupError, say, setUp } from "./lib/setup.mjs";
import { runCommand } from "./test/run.mjs";
import { commandsOf } from "./test/steps.mjs";

const usage = `npm run check -- [--help]
Checks types, lint and structure, and runs the unit tests that import what changed: what is not committed yet, or, where
everything is, what this branch has that main does not.`;

/** Lines that a git command prints; none where it fails. */
function git(...args) {
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.split("\n").filter((line) => line !== "") : [];
}

/** @returns {{ since: string, files: string[] }} what changed, without what was deleted; and since when */
function changes() {
  const open = [
    ...git("diff", "--name-only", "HEAD"),
    ...git("ls-files", "--others", "--exclude-standard"),
  ];
  const there = (files) => files.filter((file) => existsSync(join(root, file)));
  if (open.length > 0) return { since: "the last commit", files: there(open) };
  const [base] = [
    ...git("merge-base", "HEAD", "main"),
    ...git("merge-base", "HEAD", "origin/main"),
  ];
  if (base === undefined) return { since: "the last commit", files: [] };
  return { since: "main", files: there(git("diff", "--name-only", base)) };
}

/** Runs commands one after another until one fails; prints a line, and all that they said where one did. */
async function run(name, commands, env) {
  const started = Date.now();
  let output = "";
  let ok = true;
  for (const command of commands) {
    ok &&= await runCommand(command, env, (text) => {
      output += text;
    });
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  say(`${ok ? "ok    " : "FAILED"}  ${name.padEnd(10)} ${seconds} s${ok ? "" : `\n\n${output}`}`);
  return { name, ok };
}

async function main() {
  commandLine(usage, {});
  const started = Date.now();
  const { since, files } = changes();
  const modules = files.filter((file) =>
    /^(src|test|scripts|bench)\/.*\.(m?ts|mjs|json)$/u.test(file),
  );
  const python = files.some((file) => /^(scripts\/train|bench)\/.*\.(py|toml)$/u.test(file));
  say(
    files.length === 0
      ? `Nothing changed since ${since}.`
      : `Changed since ${since}: ${files.length} files, ${modules.length} of them modules.`,
  );
  const env = childEnvironment(setUp(python ? ["packages", "python"] : ["packages"]));
  const related = `vitest related --run --project unit --passWithNoTests ${modules.join(" ")}`;
  const results = await Promise.all([
    run("types", commandsOf("types"), env),
    run("lint", commandsOf("lint"), env),
    run("structure", commandsOf("structure"), env),
    ...(modules.length > 0 ? [run("unit", [related], env)] : []),
    ...(python ? [run("python", commandsOf("python", { tests: false }), env)] : []),
  ]);
  const failing = results.filter(({ ok }) => !ok).map(({ name }) => name);
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  say(
    failing.length === 0
      ? `npm run check: all hold, in ${seconds} s.`
      : `npm run check: FAILED in ${failing.join(", ")}, in ${seconds} s.`,
  );
  return failing.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
