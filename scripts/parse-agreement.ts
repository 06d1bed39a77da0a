/**
 * How far the answer parser agrees with the answers recorded in candidate files. Prints counts only,
 * never a text.
 *
 *   node scripts/parse-agreement.ts FILE.jsonl[.gz]...
 *
 * A row is a file: candidates; share that the record and we could parse; agreement over all
 * candidates (two nulls agree), over those that both parsed, over those where we saw a final marker
 * or a phrase; then the disagreements: `ours null`, `record null`, `differ`, and of those that
 * differ how many are right by the gold label on each side.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { parseAnswer } from "../src/tasks/parse.ts";
import { taskById } from "../src/tasks/registry.ts";

interface Row {
  readonly options: Readonly<Record<string, string>>;
  readonly gold: string;
  readonly candidates: readonly { readonly text: string; readonly answer: string | null }[];
}

interface Counts {
  candidates: number;
  ours: number;
  recorded: number;
  agree: number;
  both: number;
  bothAgree: number;
  stated: number;
  statedAgree: number;
  oursNull: number;
  recordNull: number;
  differ: number;
  differOursRight: number;
  differRecordRight: number;
}

const task = taskById("mcq");
if (task === null) throw new Error("the registry has no task mcq");

const percent = (part: number, whole: number) =>
  whole === 0 ? "-" : ((100 * part) / whole).toFixed(1);

console.log(
  "file | candidates | parsed by us % | recorded % | agree, all % | agree, both parsed % | " +
    "agree, stated % | ours null | record null | differ | ours right | record right",
);
for (const path of process.argv.slice(2)) {
  const counts = count(readRows(path));
  const { candidates, ours, recorded, agree, both, bothAgree, stated, statedAgree } = counts;
  if (candidates === 0) {
    console.log(`${basename(path)} | no candidates with options`);
    continue;
  }
  console.log(
    [
      basename(path).replace(/\.jsonl(\.gz)?$/, ""),
      candidates,
      percent(ours, candidates),
      percent(recorded, candidates),
      percent(agree, candidates),
      percent(bothAgree, both),
      percent(statedAgree, stated),
      counts.oursNull,
      counts.recordNull,
      counts.differ,
      counts.differOursRight,
      counts.differRecordRight,
    ].join(" | "),
  );
}

function readRows(path: string): Row[] {
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as Row);
}

function count(rows: readonly Row[]): Counts {
  const counts: Counts = {
    candidates: 0,
    ours: 0,
    recorded: 0,
    agree: 0,
    both: 0,
    bothAgree: 0,
    stated: 0,
    statedAgree: 0,
    oursNull: 0,
    recordNull: 0,
    differ: 0,
    differOursRight: 0,
    differRecordRight: 0,
  };
  for (const { options, gold, candidates } of rows) {
    const list = Object.entries(options).map(([label, text]) => ({ label, text }));
    if (list.length === 0) continue;
    for (const { text, answer } of candidates) {
      if (task === null) break;
      const { label, how } = parseAnswer(task, list, text);
      const same = label === answer;
      const both = label !== null && answer !== null;
      const stated = how === "marker" || how === "phrase";
      counts.candidates += 1;
      counts.ours += Number(label !== null);
      counts.recorded += Number(answer !== null);
      counts.agree += Number(same);
      counts.both += Number(both);
      counts.bothAgree += Number(both && same);
      counts.stated += Number(stated);
      counts.statedAgree += Number(stated && same);
      counts.oursNull += Number(label === null && answer !== null);
      counts.recordNull += Number(label !== null && answer === null);
      counts.differ += Number(both && !same);
      counts.differOursRight += Number(both && !same && label === gold);
      counts.differRecordRight += Number(both && !same && answer === gold);
    }
  }
  return counts;
}
