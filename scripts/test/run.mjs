/** Runs steps of `npm test`: what they print, what they count, how long they take. Node built-ins only. */
import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { root, say } from "../lib/setup.mjs";

/**
 * @typedef {object} Outcome
 * @property {string} name of the step
 * @property {boolean} ok every command ended with 0, and tests were counted where there are some
 * @property {number} passed tests
 * @property {number} failed tests
 */

/**
 * Runs steps side by side. The first prints as it goes; the others print whole when they end, so that lines of two
 * steps never mix.
 * @param {readonly import("./steps.mjs").Step[]} steps
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Outcome[]>}
 */
export function runRow(steps, env) {
  if (steps.length > 1) {
    const [first, ...others] = steps.map(({ name }) => name);
    say(`\n── ${others.join(", ")}: beside ${first}, printed at the end`);
  }
  return Promise.all(steps.map((step, at) => runStep(step, env, at === 0)));
}

async function runStep(step, env, live) {
  const held = [];
  const print = (chunk) => {
    if (live) process.stdout.write(chunk);
    else held.push(chunk);
  };
  let output = "";
  const started = Date.now();
  let ok = true;
  for (const command of step.commands) {
    print(`\n── ${step.name}: ${command}\n`);
    const take = (chunk) => {
      output += chunk;
      print(chunk);
    };
    ok &&= await runCommand(command, env, take);
  }
  const { passed, failed } = step.tests ? countsOf(output) : { passed: 0, failed: 0 };
  if (step.tests && ok && passed === 0) {
    print(`── ${step.name}: no test ran\n`);
    ok = false;
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  print(`── ${step.name}: ${ok ? "passed" : "FAILED"} in ${seconds} s\n`);
  if (!live) process.stdout.write(held.join(""));
  return { name: step.name, ok, passed, failed };
}

/**
 * Runs a command in the repository's root.
 * @param {string} command its words, separated by spaces
 * @param {NodeJS.ProcessEnv} env
 * @param {(text: string) => void} take gets what it prints, as it comes
 * @returns {Promise<boolean>} whether it ended with 0
 */
export function runCommand(command, env, take) {
  const [file, ...args] = command.split(" ");
  const child = spawn(file, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", take);
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code === 0));
  });
}

/**
 * Tests that passed and failed, by the closing lines of vitest (`Tests  1 failed | 7 passed (8)`) and pytest
 * (`1 failed, 7 passed in 2.1s`).
 * @param {string} output
 */
export function countsOf(output) {
  const lines = stripVTControlCharacters(output).split("\n");
  const closing = lines.filter(
    (line) => /^ +Tests +\d/u.test(line) || /^=*\s*\d+ \w+(, \d+ \w+)* in [\d.]+s/u.test(line),
  );
  const sum = (word) =>
    closing
      .map((line) => Number(new RegExp(`(\\d+) ${word}`, "u").exec(line)?.[1] ?? 0))
      .reduce((total, count) => total + count, 0);
  return { passed: sum("passed"), failed: sum("failed") + sum("errors?") };
}
