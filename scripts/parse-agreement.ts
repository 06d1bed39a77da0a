/**
 * How far the answer parser agrees with the answers recorded in candidate files. Prints counts only,
 * never a text.
 *
 *   node scripts/parse-agreement.ts FILE.jsonl[.gz]...
 *
 * A row is a file: candidates; share parsed by us and by the record; agreement over all candidates
 * (two nulls agree); over those that both parsed; over those of them with a final marker; over
 * those of them with a phrase; then the disagreements: `ours null`, `record null`, `differ`, and
 * how many of those that differ are right by the gold label, ours and the record's.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { type ParsedAnswer, parseAnswer } from "../src/tasks/parse.ts";
import { taskById } from "../src/tasks/registry.ts";
import { fileText, filledLines } from "./lib/textFile.ts";

interface Row {
  readonly options: Readonly<Record<string, string>>;
  readonly gold: string;
  readonly candidates: readonly { readonly text: string; readonly answer: string | null }[];
}

interface Tally {
  total: number;
  agree: number;
}

interface Counts {
  readonly all: Tally;
  readonly both: Tally;
  readonly marker: Tally;
  readonly phrase: Tally;
  ours: number;
  recorded: number;
  oursNull: number;
  recordNull: number;
  differ: number;
  oursRight: number;
  recordRight: number;
}

const task = taskById("mcq");
if (task === null) throw new Error("the registry has no task mcq");

const percent = (part: number, whole: number) =>
  whole === 0 ? "-" : ((100 * part) / whole).toFixed(1);
const share = ({ agree, total }: Tally) => percent(agree, total);

console.log(
  "| file | candidates | parsed by us % | recorded % | agree: all % | both parsed % | marker % " +
    "| phrase % | ours null | record null | differ | ours right | record right |",
);
console.log(`|${"---|".repeat(13)}`);
for (const path of process.argv.slice(2)) {
  const c = count(readRows(path));
  if (c.all.total === 0) continue;
  const columns = [
    basename(path).replace(/\.jsonl(\.gz)?$/, ""),
    c.all.total,
    percent(c.ours, c.all.total),
    percent(c.recorded, c.all.total),
    ...[c.all, c.both, c.marker, c.phrase].map(share),
    ...[c.oursNull, c.recordNull, c.differ, c.oursRight, c.recordRight],
  ];
  console.log(`| ${columns.join(" | ")} |`);
}

function readRows(path: string): Row[] {
  return filledLines(fileText(path, readFileSync(path))).map((line) => JSON.parse(line) as Row);
}

/** Rows without options (free text, numbers) are left out. */
function count(rows: readonly Row[]): Counts {
  const tally = (): Tally => ({ total: 0, agree: 0 });
  const tallies = { all: tally(), both: tally(), marker: tally(), phrase: tally() };
  const nulls = { ours: 0, recorded: 0, oursNull: 0, recordNull: 0 };
  const counts: Counts = { ...tallies, ...nulls, differ: 0, oursRight: 0, recordRight: 0 };
  for (const { options, gold, candidates } of rows) {
    const list = Object.entries(options).map(([label, text]) => ({ label, text }));
    if (list.length === 0) continue;
    for (const { text, answer } of candidates) {
      if (task !== null) add(counts, parseAnswer(task, list, text), answer, gold);
    }
  }
  return counts;
}

function add(counts: Counts, { label, how }: ParsedAnswer, answer: string | null, gold: string) {
  const same = label === answer;
  const both = label !== null && answer !== null;
  const tallies = [counts.all];
  if (both) tallies.push(counts.both);
  if (both && how === "marker") tallies.push(counts.marker);
  if (both && how === "phrase") tallies.push(counts.phrase);
  for (const tally of tallies) {
    tally.total += 1;
    tally.agree += Number(same);
  }
  counts.ours += Number(label !== null);
  counts.recorded += Number(answer !== null);
  counts.oursNull += Number(label === null && answer !== null);
  counts.recordNull += Number(label !== null && answer === null);
  if (!both || same) return;
  counts.differ += 1;
  counts.oursRight += Number(label === gold);
  counts.recordRight += Number(answer === gold);
}
