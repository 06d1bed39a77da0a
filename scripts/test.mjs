/**
 * `npm test`: every check there is. `npm test -- STEP ...`: some of them. A step sets up what it needs and no more; the
 * first that fails ends the run.
 */
import { childEnvironment, SetupError, say, setUp } from "./lib/setup.mjs";
import { runRow } from "./test/run.mjs";
import { chosenSteps, stepList } from "./test/steps.mjs";

/** @returns {Promise<number>} the exit code */
async function main(names) {
  if (names.some((name) => name === "--help" || name === "-h")) {
    process.stdout.write(`npm test -- [STEP ...]; all of them by default:\n${stepList()}\n`);
    return 0;
  }
  const { rows, unknown } = chosenSteps(names);
  if (unknown.length > 0) {
    say(`npm test: there is no step ${unknown.join(", ")}. There are:\n${stepList()}`);
    return 2;
  }
  const done = [];
  for (const row of rows) {
    const extra = setUp(row.flatMap(({ needs }) => needs));
    done.push(...(await runRow(row, childEnvironment(extra))));
    if (done.some(({ ok }) => !ok)) break;
  }
  const total = (of) => done.reduce((sum, outcome) => sum + of(outcome), 0);
  const failing = done.filter(({ ok }) => !ok).map(({ name }) => name);
  const left = rows.flat().length - done.length;
  if (failing.length > 0) {
    const notRun = left === 0 ? "" : `; ${left} steps were not run`;
    say(`\nnpm test: FAILED in ${failing.join(", ")}${notRun}.`);
  } else say(`\nnpm test: all ${done.length} steps passed.`);
  // Last, for readers of a closing line.
  const [passed, failed] = [total((one) => one.passed), total((one) => one.failed)];
  if (passed + failed > 0) say(`${passed} passed, ${failed} failed`);
  return failing.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
