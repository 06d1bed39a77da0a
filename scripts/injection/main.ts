/**
 * `npm run injection`: what texts addressed to the ranker do to its scores, measured on real candidates with the real
 * core and a shipped bundle. Prints figures only, never a text.
 */
import { writeFileSync } from "node:fs";
import { openRanker } from "../core/scoring/scorer.ts";
import { commandLine } from "../lib/commandLine.mjs";
import { type Attacked, attacked } from "./attack.ts";
import { readQuestions } from "./questions.ts";
import { summary, table, untouched } from "./report.ts";

const usage = `npm run injection -- [--bundle DIR] [--questions N] [--json FILE] --data FILE [--data FILE]...
  --data FILE    a candidate file (docs/data.md); only its questions of the test share, which training has not read
  --questions N  of each file; where it has more, every k-th is taken; 100 by default
  --bundle DIR   models/mini by default
  --json FILE    all figures`;
const values = commandLine(usage, {
  data: { type: "string", multiple: true, default: [] },
  bundle: { type: "string", default: "models/mini" },
  questions: { type: "string", default: "100" },
  json: { type: "string" },
});

const most = Number(values.questions);
if (values.data.length === 0 || !Number.isInteger(most) || most < 1) {
  console.error(usage);
  process.exit(2);
}

const ranker = await openRanker(values.bundle);
const all: Attacked[] = [];
for (const file of values.data) {
  const questions = readQuestions(file);
  const step = Math.max(1, questions.length / most);
  for (let at = 0; Math.floor(at) < questions.length; at += step) {
    const question = questions[Math.floor(at)];
    const found = question === undefined ? null : await attacked(ranker, question);
    if (found !== null) all.push(found);
  }
  process.stderr.write(`${all.length} questions attacked\n`);
}
await ranker.retire();
const rows = summary(all);
const { name, version } = ranker.manifest;
const overtakable = all.filter(({ bestRight }) => bestRight !== null).length;
console.log(`${name}@${version}: ${all.length} questions, ${overtakable} with a right candidate`);
console.log(`${untouched(all)}\n`);
console.log(table(rows));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 1)}\n`);
